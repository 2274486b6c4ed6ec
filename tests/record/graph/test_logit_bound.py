"""Logits that are cosines: their bound, and what grows or is no cosine."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import relume

SCALE = nn.Parameter(torch.tensor(1.0))
Logits = Callable[[Tensor, Tensor], Tensor]
UNIT = F.normalize


def norm_by_hand(x: Tensor) -> Tensor:
    return x / x.pow(2).sum(1, keepdim=True).sqrt()


BOUND: dict[str, tuple[Logits, float]] = {
    "product": (lambda h, w: UNIT(h) @ UNIT(w).T, 1.0),
    "linear": (lambda h, w: F.linear(UNIT(h), UNIT(w)), 1.0),
    "scaled before": (lambda h, w: 2.0 * UNIT(h) @ UNIT(w).T, 2.0),
    "scaled after": (lambda h, w: 3.0 * (UNIT(h) @ UNIT(w).T), 3.0),
    "temperature": (lambda h, w: UNIT(h) @ UNIT(w).T / 0.5, 2.0),
    "norm with a guard": (
        lambda h, w: (h / (h.norm(dim=1, keepdim=True) + 1e-6)) @ UNIT(w).T,
        1.0,
    ),
    "pairwise": (lambda h, w: F.cosine_similarity(h[:, None], w[None], dim=-1), 1.0),
}
FREE: dict[str, Logits] = {
    "sixteen": lambda h, w: 16.0 * UNIT(h) @ UNIT(w).T,
    "learned after": lambda h, w: SCALE * (UNIT(h) @ UNIT(w).T),
    "learned before": lambda h, w: (SCALE * UNIT(h)) @ UNIT(w).T,
    "learned exponent": lambda h, w: SCALE.exp() * (UNIT(h) @ UNIT(w).T),
    "features alone": lambda h, w: UNIT(h) @ w.T,
    "prototypes alone": lambda h, w: h @ UNIT(w).T,
    "a bias": lambda h, w: F.linear(UNIT(h), UNIT(w), SCALE.expand(10)),
    "plain": lambda h, w: h @ w.T,
}


def told(tmp_path: Path, logits: Logits) -> tuple[list[str], list[float]]:
    torch.manual_seed(0)
    body, w = (
        nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 8)),
        nn.Parameter(torch.randn(10, 8)),
    )
    optimizer = torch.optim.SGD([*body.parameters(), w, SCALE], 0.1)
    with relume.watch(body, every=1, path=tmp_path / "run.sqlite") as run:
        for _ in range(4):
            optimizer.zero_grad()
            F.cross_entropy(
                logits(body(torch.randn(32, 6)), w), torch.randint(10, (32,))
            ).backward()
            optimizer.step()
        assert not run.problems
    facts = run.trace().facts_of("logit-bound")
    found = run.diagnose(select=["ACT207"]).findings
    return [f.code for f in found], [float(f.data["scale"]) for f in facts]


@pytest.mark.parametrize("name", BOUND)
def test_cosines_are_bounded(name: str, tmp_path: Path) -> None:
    logits, scale = BOUND[name]
    codes, scales = told(tmp_path, logits)
    assert scales == [pytest.approx(scale)]
    assert codes == (["ACT207"] if scale < 3 else codes)


@pytest.mark.parametrize("name", FREE)
def test_what_grows_or_is_no_cosine(name: str, tmp_path: Path) -> None:
    codes, _ = told(tmp_path, FREE[name])
    assert codes == []


def test_pairs_are_not_judged(tmp_path: Path) -> None:
    """Their temperature is chosen for the representation."""
    codes, scales = told(
        tmp_path, lambda h, w: UNIT(h) @ UNIT(h.roll(1, 0)).T[:, :10] + 0 * w.sum()
    )
    assert (codes, scales) == ([], [])
