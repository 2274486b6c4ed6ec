"""Networks that run without a gradient beside one of the same shape."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import relume


@pytest.mark.parametrize("updated", [True, False])
def test_a_target_network_is_followed(updated: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    online, target = (nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1)) for _ in "ab")
    extractor = nn.Linear(4, 4)
    target.load_state_dict(online.state_dict())
    optimizer = torch.optim.SGD(online.parameters(), lr=0.1)
    with relume.watch(online, every=1, path=tmp_path / "run.sqlite") as run:
        for step in range(8):
            x = torch.randn(16, 4)
            with torch.no_grad():
                goal, data = 1 + 0.9 * target.eval()(x), extractor(x)
            optimizer.zero_grad()
            F.mse_loss(online(data), goal).backward()
            optimizer.step()
            if updated and step == 4:
                target.load_state_dict(online.state_dict())
        trace = run.trace()
        assert not run.problems
    (fact,) = trace.facts_of("target-network")
    assert (fact.site, fact.data["like"], fact.data["changed"]) == ("target", "online", updated)
    assert fact.data["records"] == 8


def test_a_model_that_is_evaluated_is_no_target_network(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with relume.watch(net, every=1, path=tmp_path / "run.sqlite") as run:
        for _ in range(4):
            optimizer.zero_grad()
            net(torch.randn(16, 4)).square().mean().backward()
            optimizer.step()
            with torch.no_grad():
                net(torch.randn(16, 4))
        assert not run.trace().facts_of("target-network")
