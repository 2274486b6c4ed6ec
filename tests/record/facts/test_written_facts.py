"""Facts about a program that one look at it settles: dropout, second derivatives, order of data."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import relume
from relume.core import Trace


def trained(
    tmp_path: Path, model: nn.Module, loss_of: Callable[[int], Tensor], steps: int = 40
) -> Trace:
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    with relume.watch(model, path=tmp_path / "run.sqlite") as run:
        for step in range(steps):
            optimizer.zero_grad()
            loss_of(step).backward()
            optimizer.step()
    assert run.problems == ()
    return run.trace()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.97])
def test_which_share_a_dropout_keeps(share: float, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 40), nn.ReLU(), nn.Dropout(share), nn.Linear(40, 1))
    trace = trained(tmp_path, model, lambda _: model(torch.randn(64, 4)).square().mean(), 5)
    (fact,) = trace.facts_of("dropout")
    assert fact.site == "0"
    assert fact.data["units"] == 40
    assert fact.data["keep"] == pytest.approx(1 - share, rel=1e-4)
    if share == 0.5:
        model.eval()
        (tmp_path / "eval").mkdir()
        trace = trained(
            tmp_path / "eval", model, lambda _: model(torch.randn(64, 4)).square().mean(), 5
        )
        assert not trace.facts_of("dropout")


@pytest.mark.parametrize("act", [nn.ReLU, nn.LeakyReLU, nn.Tanh], ids=lambda act: act.__name__)
def test_a_second_derivative_that_is_zero_everywhere(act: type[nn.Module], tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 20), act(), nn.Linear(20, 20), act(), nn.Linear(20, 1))

    def loss(_: int) -> Tensor:
        x = torch.rand(32, 1, requires_grad=True)
        first = torch.autograd.grad(model(x).sum(), x, create_graph=True)[0]
        second = torch.autograd.grad(first.sum(), x, create_graph=True, allow_unused=True)[0]
        curved = torch.zeros(32, 1) if second is None else second
        return (curved + x).square().mean() + model(torch.zeros(4, 1)).square().mean()

    facts = trained(tmp_path, model, loss, 6).facts_of("no-curvature")
    assert len(facts) == (act is not nn.Tanh)
    if facts:
        assert facts[0].data["acts"]
        assert facts[0].data["file"] == __file__


def test_a_gradient_penalty_asks_for_the_first_derivative_only(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 20), nn.ReLU(), nn.Linear(20, 1))

    def loss(_: int) -> Tensor:
        x = torch.rand(32, 2, requires_grad=True)
        slope = torch.autograd.grad(model(x).sum(), x, create_graph=True)[0]
        return (slope.norm(dim=1) - 1).square().mean()

    assert not trained(tmp_path, model, loss, 6).facts_of("no-curvature")


@pytest.mark.parametrize("classes", [True, False], ids=["classes", "numbers"])
@pytest.mark.parametrize("sorted_", [True, False], ids=["sorted", "shuffled"])
def test_data_that_come_in_order(sorted_: bool, classes: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 5 if classes else 1))
    x = torch.randn(400, 4)
    y = torch.randint(0, 5, (400,)) if classes else torch.randn(400, 1)
    if sorted_:
        order = y.reshape(-1).argsort()
        x, y = x[order], y[order]
    criterion = nn.CrossEntropyLoss() if classes else nn.MSELoss()

    def loss(step: int) -> Tensor:
        at = 20 * (step % 20)
        return criterion(model(x[at : at + 20]), y[at : at + 20])

    (fact,) = trained(tmp_path, model, loss, 60).facts_of("criterion")
    share = fact.data["target_between"]
    assert share > 0.8 if sorted_ else share < 0.1


def _policy(model: nn.Module, x: Tensor, gain: Tensor) -> Tensor:
    log = model(x).log_softmax(1)[:, 0]
    ratio = (log - log.detach()).exp()
    return -torch.min(ratio * gain, ratio.clamp(0.8, 1.2) * gain).mean()


WEIGHED: dict[str, tuple[bool, Callable[[nn.Module, Tensor, Tensor], Tensor]]] = {
    "ppo": (True, _policy),
    "ppo and a critic": (
        True,
        lambda model, x, gain: _policy(model, x, gain) + (model(x)[:, 1] - gain).pow(2).mean(),
    ),
    "reinforce": (True, lambda model, x, gain: -(model(x).log_softmax(1)[:, 0] * gain).sum()),
    "rewards at the criterion": (
        True,
        lambda model, x, gain: (
            F.cross_entropy(model(x), x.argmax(1), reduction="none") * gain
        ).mean(),
    ),
    "hinge": (
        False,
        lambda model, x, gain: (1 - gain.sign() * model(x)[:, 0]).clamp(min=0).mean(),
    ),
    "boundary": (False, lambda model, x, gain: (gain * model(x)[:, 0] - x[:, 0]).pow(2).mean()),
    "basis": (False, lambda model, x, gain: F.mse_loss((model(x) * x).sum(1), gain)),
    "cosine": (False, lambda model, x, gain: (1 - F.cosine_similarity(model(x), x)).mean()),
}


@pytest.mark.parametrize("moves", [True, False], ids=["foretold", "data in order"])
def test_targets_of_a_data_set_come_back_and_foretold_ones_do_not(
    moves: bool, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1))
    x, y = torch.randn(400, 4), torch.randn(400, 1).sort(0).values

    def loss(step: int) -> Tensor:
        rows = slice(20 * (step % 20), 20 * (step % 20) + 20)
        goal = torch.randn(20, 1) + step if moves else y[rows]
        return F.mse_loss(model(x[rows]), goal)

    (fact,) = trained(tmp_path, model, loss, 60).facts_of("criterion")
    assert fact.data["target_returns"] == (0.0 if moves else 1.0)
    assert fact.data["target_drift"] > 1


@pytest.mark.parametrize("name", WEIGHED)
def test_rows_that_are_weighed_by_both_signs(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 4))
    x, gain = torch.randn(64, 4), torch.randn(64)
    kept, loss = WEIGHED[name]

    (fact,) = trained(tmp_path, model, lambda _: loss(model, x, gain), 4).facts_of("criterion")
    assert fact.data["signed_weights"] is kept
