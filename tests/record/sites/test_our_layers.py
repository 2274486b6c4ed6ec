"""relume's own layers are seen by the recorder as what they are."""

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

import relume
from relume.acts import GatedLinear, LeanLeakyReLU, Maxout, MaxoutConv1d, ReGLU


def test_every_layer_of_ours_is_a_site(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        MaxoutConv1d(1, 4, 3),
        nn.Flatten(),
        Maxout(72, 32),
        GatedLinear(32, 32, "swiglu"),
        nn.Linear(32, 32),
        LeanLeakyReLU(),
        nn.Linear(32, 64),
        ReGLU(),
        nn.Linear(32, 3),
    )
    x = torch.randn(64, 1, 20)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    with relume.watch(model, every=1, path=tmp_path / "run.sqlite") as run:
        for _ in range(3):
            loss = F.cross_entropy(model(x), torch.arange(64) % 3)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    sites = relume.load(run.path).trace().sites
    found = [(site.act, site.path, site.units) for site in sites if site.kind == "act"]
    assert found == [
        ("maxout", "0", 4),
        ("maxout", "2", 32),
        ("swiglu", "3.act", 64),
        ("leaky_relu", "5", 32),
        ("reglu", "7", 64),
    ]
    assert not run.problems
