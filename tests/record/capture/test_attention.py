"""Attention's figures, fused or written out, against their definitions in float64."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import relume
from relume.core import Trace, Window

HEADS, SIZE, KEYS, ROWS = 4, 8, 12, 3
Form = Callable[[Tensor, Tensor, Tensor], Tensor]


def causal() -> Tensor:
    return torch.ones(KEYS, KEYS, dtype=torch.bool).tril()


def padded() -> Tensor:
    """The last five keys of the first example are padding."""
    mask = torch.ones(ROWS, 1, 1, KEYS, dtype=torch.bool)
    mask[0, ..., -5:] = False
    return mask


def written(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    scores = q @ k.transpose(-1, -2) / SIZE**0.5
    return F.dropout(scores.masked_fill(~causal(), -torch.inf).softmax(-1), 0.1) @ v


def by_einsum(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    scores = torch.einsum("bhqd,bhkd->bhqk", q, k) * SIZE**-0.5
    weights = torch.where(padded(), scores, torch.tensor(-1e9)).softmax(-1)
    return torch.einsum("bhqk,bhkd->bhqd", weights, v)


def added(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    bias = torch.zeros(ROWS, 1, 1, KEYS).masked_fill(~padded(), torch.finfo(torch.float32).min)
    return (q @ k.transpose(-1, -2) / SIZE**0.5 + bias).softmax(-1, dtype=torch.float32) @ v


def float_mask(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    bias = torch.zeros(ROWS, 1, 1, KEYS).masked_fill(~padded(), -torch.inf)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias)


def capped(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return (3 * torch.tanh(q @ k.transpose(-1, -2) / SIZE**0.5 / 3)).softmax(-1) @ v


def fused(**more: Any) -> Form:
    return lambda q, k, v: F.scaled_dot_product_attention(q, k, v, **more)


FORMS: dict[str, tuple[Form, Callable[[], Tensor] | None, float]] = {
    "fused": (fused(is_causal=True), causal, SIZE**-0.5),
    "fused, dropout": (fused(is_causal=True, dropout_p=0.1), causal, SIZE**-0.5),
    "fused, bool mask": (fused(attn_mask=padded()), padded, SIZE**-0.5),
    "fused, float mask": (float_mask, padded, SIZE**-0.5),
    "fused, scale": (fused(scale=2.0), None, 2.0),
    "written": (written, causal, SIZE**-0.5),
    "einsum": (by_einsum, padded, SIZE**-0.5),
    "added mask": (added, padded, SIZE**-0.5),
    "capped": (capped, None, SIZE**-0.5),
}


class Net(nn.Module):
    def __init__(self, form: Form, groups: int = HEADS) -> None:
        super().__init__()
        self.form, self.q, self.v = form, nn.Linear(16, HEADS * SIZE), nn.Linear(16, groups * SIZE)
        self.k, self.head = nn.Linear(16, groups * SIZE), nn.Linear(HEADS * SIZE, 2)

    def parts(self, x: Tensor) -> list[Tensor]:
        layers = (self.q, self.k, self.v)
        return [layer(x).unflatten(-1, (-1, SIZE)).transpose(1, 2) for layer in layers]

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.form(*self.parts(x)).transpose(1, 2).flatten(2))


def first_record(model: nn.Module, x: Tensor, path: Path) -> tuple[Trace, Window]:
    optimizer = torch.optim.SGD(model.parameters(), 0.0)
    with relume.watch(model, path=path, every=1) as run:
        for _ in range(2):
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()
    assert not run.problems
    trace = run.trace()
    (site,) = trace.sites_of("attention")
    return trace, trace.windows(site.name)[0]


def figures(scores: Any, logits: Any, visible: Any) -> dict[str, Any]:
    """By head, from (rows, heads, queries, keys): the definitions, without the product's code."""
    expected = {n: np.zeros(HEADS) for n in ("attended", "entropy_sum", "first_sum")}
    expected["logit_absmax"] = np.abs(np.where(visible, scores, 0)).max((0, 2, 3))
    for row, head, query in np.ndindex(*scores.shape[:3]):
        seen = visible[row, head, query]
        if seen.sum() < 4:
            continue
        power = np.exp(logits[row, head, query][seen] - logits[row, head, query][seen].max())
        share = power / power.sum()
        expected["attended"][head] += 1
        expected["entropy_sum"][head] -= (share * np.log(share)).sum() / np.log(seen.sum())
        expected["first_sum"][head] += share[0]
    return expected


@pytest.mark.parametrize("name", FORMS)
def test_figures_are_their_definitions(name: str, tmp_path: Path) -> None:
    form, mask, scale = FORMS[name]
    torch.manual_seed(0)
    model, x = Net(form), torch.randn(ROWS, KEYS, 16) * 3
    _, window = first_record(model, x, tmp_path / "run.sqlite")
    q, k, _ = (part.detach().double().numpy() for part in model.parts(x))
    scores = q @ k.swapaxes(-1, -2) * scale
    scores = 3 * np.tanh(scores / 3) if name == "capped" else scores
    visible = np.ones_like(scores, bool) if mask is None else mask().expand(scores.shape).numpy()
    expected = figures(scores, scores, visible)
    assert expected["attended"].min() > 20
    for field, values in expected.items():
        assert window.fields[field] == pytest.approx(values, rel=1e-4), field


def test_heads_of_a_group_share_their_keys(tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = Net(fused(enable_gqa=True), groups=2)
    x = torch.randn(ROWS, KEYS, 16)
    _, window = first_record(model, x, tmp_path / "run.sqlite")
    q, k, _ = (part.detach().double().numpy() for part in model.parts(x))
    scores = q @ np.repeat(k, 2, 1).swapaxes(-1, -2) * SIZE**-0.5
    expected = figures(scores, scores, np.ones_like(scores, bool))
    assert window.fields["logit_absmax"] == pytest.approx(expected["logit_absmax"], rel=1e-4)
    assert window.fields["entropy_sum"] == pytest.approx(expected["entropy_sum"], rel=1e-4)


@pytest.mark.parametrize("need_weights", [True, False])
def test_multihead_attention_has_a_unit_a_head(need_weights: bool, tmp_path: Path) -> None:
    class Body(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attn = nn.MultiheadAttention(16, HEADS, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            return self.attn(x, x, x, need_weights=need_weights)[0]

    torch.manual_seed(2)
    trace, window = first_record(Body(), torch.randn(ROWS, KEYS, 16), tmp_path / "run.sqlite")
    (site,) = trace.sites_of("attention")
    assert (site.name, site.units) == ("attn.attention()", HEADS)
    assert 0 < window.fields["logit_absmax"].min() < window.fields["logit_absmax"].max()


def test_a_mixture_of_experts_is_no_attention(tmp_path: Path) -> None:
    """The twin: a softmax whose weights meet a product, but comes from a layer."""

    class Mixture(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.router, self.experts = nn.Linear(16, 4), nn.Linear(16, 4 * 6)

        def forward(self, x: Tensor) -> Tensor:
            share = self.router(x).softmax(-1)
            return torch.einsum("be,bed->bd", share, self.experts(x).view(-1, 4, 6))

    model = Mixture()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with relume.watch(model, path=tmp_path / "run.sqlite", every=1) as run:
        model(torch.randn(8, 16)).square().mean().backward()
        optimizer.step()
    assert not run.trace().sites_of("attention")


def weights_after(path: Path | None) -> list[Tensor]:
    torch.manual_seed(3)
    model = Net(fused(is_causal=True, dropout_p=0.2))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)

    def steps() -> None:
        for _ in range(8):
            optimizer.zero_grad()
            model(torch.randn(ROWS, KEYS, 16)).square().mean().backward()
            optimizer.step()

    if path is None:
        steps()
    else:
        with relume.watch(model, path=path, every=1):
            steps()
    return [*(p.detach().clone() for p in model.parameters()), torch.get_rng_state()]


def test_neither_a_bit_nor_the_random_state_changes(tmp_path: Path) -> None:
    plain, watched = weights_after(None), weights_after(tmp_path / "run.sqlite")
    assert all(torch.equal(a, b) for a, b in zip(plain, watched, strict=True))


def test_the_sample_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long sequence costs a few rows: every product is within the bound, or one row a head."""
    from relume.record.graph.attention import AttentionCall, sample

    q, k = (torch.randn(16, 8, 1500, 16, requires_grad=True) for _ in range(2))
    y = F.scaled_dot_product_attention(q, k, k, is_causal=True)
    read = sample(AttentionCall(y.grad_fn, None), 8, 3)
    assert read is not None
    assert read.scores.numel() <= 2 * 8_192
    again = sample(AttentionCall(y.grad_fn, None), 8, 4)
    assert again is not None
    assert not torch.equal(read.scores[:, :, :1], again.scores[:, :, :1])


def test_a_form_that_fails_is_reported_once_and_the_acts_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("not foreseen")

    monkeypatch.setattr("relume.record.capture.step_record.sample_attention", fails)
    model = nn.Sequential(*(Net(fused()) if at % 2 else nn.Linear(2, 16) for at in range(12)))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with relume.watch(model, path=tmp_path / "run.sqlite", every=1) as run:
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.randn(2, KEYS, 2)).square().mean().backward()
            optimizer.step()
    trace = run.trace()
    assert len(run.problems) == 1
    assert len(trace.sites_of("attention")) == 6
    loss = trace.series("", "loss")
    assert loss is not None
    assert len(loss) == 3
