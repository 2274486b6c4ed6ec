"""Attention that sees the tokens that are asked for, and what hides them."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import relume

TOKENS, WORDS = 12, 11


class Attention(nn.Module):
    """One head, by hand or fused, with a mask of one kind."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.qkv = kind, nn.Linear(16, 48)

    def forward(self, h: Tensor) -> Tensor:
        q, k, v = self.qkv(h).chunk(3, -1)
        seen = torch.ones(h.shape[1], h.shape[1], dtype=torch.bool).tril()
        if self.kind.startswith("fused"):
            mask = {
                "fused bool": seen,
                "fused float": torch.zeros(seen.shape).masked_fill(~seen, -torch.inf),
            }
            causal = self.kind == "fused causal"
            parts = (t[:, None] for t in (q, k, v))
            given = mask.get(self.kind)
            return (
                h + F.scaled_dot_product_attention(*parts, attn_mask=given, is_causal=causal)[:, 0]
            )
        scores = q @ k.transpose(1, 2) / 4
        scores = scores.masked_fill(~seen, -torch.inf) if self.kind == "by hand masked" else scores
        return h + scores.softmax(-1) @ v


class Model(nn.Module):
    def __init__(self, *kinds: str) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(WORDS, 16), nn.Linear(16, WORDS)
        self.layers = nn.ModuleList(Attention(kind) for kind in kinds)

    def forward(self, tokens: Tensor) -> Tensor:
        h = self.embed(tokens)
        for layer in self.layers:
            h = layer(h)
        return self.head(h)


def told(path: Path, *kinds: str, moved: int = 1, padded: bool = False) -> list[str]:
    torch.manual_seed(0)
    model = Model(*kinds)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with relume.watch(model, every=1, path=path / "run.sqlite") as run:
        for _ in range(6):
            text = torch.randint(WORDS, (8, TOKENS + 1))
            asked = text[:, moved : moved + TOKENS].clone()
            if padded:
                asked[:, -4:] = -100
            optimizer.zero_grad()
            F.cross_entropy(model(text[:, :TOKENS]).flatten(0, 1), asked.flatten()).backward()
            optimizer.step()
        assert not run.problems
    return [f.code for f in run.diagnose(select=["ACT914"]).findings]


@pytest.mark.parametrize("kinds", [("fused",), ("by hand",), ("fused", "by hand")])
@pytest.mark.parametrize("padded", [False, True])
def test_the_next_token_is_seen(kinds: tuple[str, ...], padded: bool, tmp_path: Path) -> None:
    assert told(tmp_path, *kinds, padded=padded) == ["ACT914"]


@pytest.mark.parametrize("kind", ["fused causal", "fused bool", "fused float", "by hand masked"])
def test_what_hides_later_places(kind: str, tmp_path: Path) -> None:
    assert told(tmp_path, kind) == []


def test_an_encoder_beside_a_decoder_is_not_judged(tmp_path: Path) -> None:
    assert told(tmp_path, "fused", "fused causal") == []


def test_other_targets_are_no_leak(tmp_path: Path) -> None:
    """The tokens themselves (hidden words, tags): not those one place on."""
    assert told(tmp_path, "fused", moved=0) == []
