"""Where the signal, or the error, is lost: what small trainings leave in the facts."""

import linecache
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import relume
from relume.core import Fact
from relume.instrument.private_names import function_stack_length
from relume.record.facts.time_gradients import GradientOverTime

ROWS, SIZE = 32, 6
Loss = Callable[[Tensor], Tensor]


def facts(
    path: Path, kind: str, model: nn.Module, loss: Loss, steps: int = 8, **given: Any
) -> dict[str, Fact]:
    """Train, and return the facts of a kind by site."""
    optimizer = torch.optim.SGD(given.get("parameters") or model.parameters(), lr=1e-3)
    draw = torch.Generator().manual_seed(0)
    with relume.watch(model, every=1, path=path / "run.sqlite") as run:
        for _ in range(steps):
            x = torch.randn(*given.get("shape", (ROWS, SIZE)), generator=draw)
            optimizer.zero_grad()
            loss(x).backward()
            optimizer.step()
        trace = run.trace()
        assert not run.problems
    assert function_stack_length() == 0
    return {fact.site: fact for fact in trace.facts_of(kind)}


class Two(nn.Module):
    """Two layers with a function between."""

    def __init__(self, between: Callable[[Tensor], Tensor], width: int = 8) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(SIZE, width), nn.Linear(width, 3)
        self.between = between

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.between(self.first(x)))


def chosen(z: Tensor) -> Tensor:
    return F.one_hot(z.argmax(-1), z.shape[-1]).float()


def passed(z: Tensor) -> Tensor:
    return z + (z.sign() - z).detach()


@pytest.mark.parametrize(
    ("between", "operation"),
    [
        (lambda z: (z > 0).float(), "gt"),
        (chosen, "argmax"),
        (torch.sign, "sign"),
        (torch.round, "round"),
        (lambda z: torch.where(z > 0, 1.0, -1.0), "gt"),
    ],
)
def test_what_cuts_the_gradient_is_named(
    between: Callable[[Tensor], Tensor], operation: str, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = Two(between)
    (fact,) = facts(tmp_path, "cut", model, lambda x: model(x).square().mean()).values()
    assert fact.data["operation"] == operation
    assert set(fact.data["leaves"]) == {"first.weight", "first.bias"}
    assert fact.data["file"] == __file__


@pytest.mark.parametrize(
    "between", [passed, torch.tanh, lambda z: z * (z > 0), lambda z: z.topk(3).values.repeat(1, 3)]
)
def test_what_lets_the_gradient_pass_is_not(
    between: Callable[[Tensor], Tensor], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = Two(between, 9)
    assert not facts(tmp_path, "cut", model, lambda x: model(x).square().mean())


def without(z: Tensor) -> Tensor:
    with torch.no_grad():
        return z.tanh()


def by_numpy(z: Tensor) -> Tensor:
    return torch.from_numpy(np.tanh(z.detach().numpy()))  # other numbers come back


@pytest.mark.parametrize(
    ("between", "operation"),
    [
        (lambda z: z.detach().tanh(), ".detach()"),
        (lambda z: z.data, ".data"),
        (lambda z: torch.tensor(z.tolist()), ".tolist()"),
        (lambda z: torch.FloatTensor(z.tolist()), ".tolist()"),
        (lambda z: torch.from_numpy(z.detach().numpy().copy()), ".detach()"),
        (lambda z: z.new_tensor(z.mean().item()).expand_as(z), ".item()"),
        (lambda z: z[:, :1].detach() * z.mean().item() + z * 0.0 + z.detach(), ""),
        (without, "torch.no_grad()"),
        (by_numpy, ".detach()"),
    ],
)
def test_where_the_gradient_is_left_behind(
    between: Callable[[Tensor], Tensor], operation: str, tmp_path: Path
) -> None:
    """Each is told by its line, unless the gradient passes by another way."""
    torch.manual_seed(0)
    model = Two(between)
    found = facts(tmp_path, "cut", model, lambda x: model(x).square().mean())
    assert [f.data["operation"] for f in found.values()] == ([operation] if operation else [])
    for fact in found.values():
        assert fact.data["plain"]
        assert set(fact.data["leaves"]) == {"first.weight", "first.bias"}
        text = linecache.getline(fact.data["file"], fact.data["line"])
        assert operation.strip(".()").rpartition(".")[2] in text or "z.tanh()" in text


def test_a_layer_under_no_grad_is_told_by_the_line_that_calls_it(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Two(torch.tanh)

    def loss(x: Tensor) -> Tensor:
        with torch.no_grad():
            h = model.first(x).tanh()  # this line
        return model.second(h).square().mean()

    (fact,) = facts(tmp_path, "cut", model, loss).values()
    assert fact.data["operation"] == "torch.no_grad()"
    assert "# this line" in linecache.getline(fact.data["file"], fact.data["line"])


def test_what_is_only_printed_is_no_cut(tmp_path: Path) -> None:
    """Numbers of a layer that the loss never uses leave on two lines: none is told."""
    torch.manual_seed(0)
    model, seen = Two(torch.tanh), list[float]()

    def loss(x: Tensor) -> Tensor:
        h = model.first(x)
        seen.append(h.mean().item())
        seen.append(h.std().item())
        return model.second(x[:, :1].expand(-1, 8)).square().mean()

    assert not facts(tmp_path, "cut", model, loss)


def rows(path: Path, *layers: nn.Module) -> dict[str, Fact]:
    torch.manual_seed(0)
    model = nn.Sequential(*layers)
    found = facts(path, "rows", model, lambda x: (model(x) - x[:, :1]).square().mean())
    return {site: fact for site, fact in found.items() if site}


def test_a_norm_over_one_feature_makes_rows_alike(tmp_path: Path) -> None:
    (site, fact), *more = rows(
        tmp_path, nn.Linear(SIZE, 1), nn.LayerNorm(1), nn.Linear(1, 8), nn.ReLU(), nn.Linear(8, 1)
    ).items()
    assert (site, fact.data["how"], more) == ("1", "operation", [])
    assert fact.data["streak"] >= 2


def test_weights_that_drown_in_their_bias_make_rows_alike(tmp_path: Path) -> None:
    drowned = nn.Linear(SIZE, 8)
    nn.init.normal_(drowned.weight, std=1e-6)
    nn.init.ones_(drowned.bias)
    found = rows(tmp_path, drowned, nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))
    assert [(site, fact.data["how"]) for site, fact in found.items()] == [("0", "weights")]


@pytest.mark.parametrize("spread", [0.01, 1.0], ids=["alike", "apart"])
def test_an_embedding_is_followed_beside_a_probe(tmp_path: Path, spread: float) -> None:
    """Pairs are compared by what a predictor says; a classifier on detached features has no say."""
    torch.manual_seed(0)
    encoder, probe = nn.Linear(SIZE, 16), nn.Linear(16, 10)
    with torch.no_grad():
        encoder.weight.mul_(spread)
        encoder.bias.fill_(1.0 - spread)
        probe.weight.mul_(1e-3)  # its outputs are alike, and a target judges them
    model = nn.ModuleList((encoder, probe))
    turn = iter(range(99))

    def loss(x: Tensor) -> Tensor:
        if next(turn) % 4 == 3:
            return F.cross_entropy(probe(encoder(x).detach()), torch.zeros(ROWS).long())
        return -F.cosine_similarity(encoder(x), encoder(x + 0.01), dim=-1).mean()

    ends = facts(tmp_path, "rows", model, loss)[""].data["ends"]
    assert list(ends) == ["0"]
    assert (ends["0"]["alike"] >= 3, ends["0"]["share"] < 0.05) == (spread < 1, spread < 1)


def test_units_that_are_dead_are_the_acts_matter(tmp_path: Path) -> None:
    dead = nn.Linear(SIZE, 8)
    nn.init.constant_(dead.bias, -50.0)
    found = rows(tmp_path, dead, nn.ReLU(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))
    assert {fact.data["how"] for fact in found.values()} == {"act"}


def test_rows_that_differ_are_left(tmp_path: Path) -> None:
    assert not rows(tmp_path, nn.Linear(SIZE, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 1))


def test_a_learned_constant_never_depended_on_the_row(tmp_path: Path) -> None:
    class Constant(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.start = nn.Parameter(torch.ones(1, 8))
            self.first, self.style, self.out = nn.Linear(8, 8), nn.Linear(SIZE, 8), nn.Linear(8, 1)

        def forward(self, x: Tensor) -> Tensor:
            h = torch.tanh(self.first(self.start.expand(len(x), -1)))
            return self.out(h * self.style(x))

    assert not rows(tmp_path, Constant())


class Coder(nn.Module):
    """A VAE, with its divergence."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.mean, self.spread = nn.Linear(SIZE, 4), nn.Linear(SIZE, 4)
        self.decoder = nn.Linear(4, SIZE)
        nn.init.normal_(self.mean.weight, std=scale)

    def loss(self, x: Tensor) -> Tensor:
        mean, spread = self.mean(x), self.spread(x)
        z = mean + torch.randn_like(mean) * (0.5 * spread).exp()
        divergence = 0.5 * (mean.pow(2) + spread.exp() - 1 - spread).sum(1).mean()
        return (self.decoder(z) - x).square().sum(1).mean() + 1e-3 * divergence


@pytest.mark.parametrize(("scale", "used"), [(1.0, 4), (1e-3, 0)])
def test_the_latents_of_a_vae_are_counted(scale: float, used: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Coder(scale)
    (fact,) = facts(tmp_path, "latents", model, model.loss, steps=5).values()
    assert (fact.site, fact.data["what"]) == ("mean", "gaussian")
    assert (fact.data["units"], fact.data["used"]) == (4, used)


@pytest.mark.parametrize(
    ("acts", "mean", "log_variance"),
    [
        ((torch.relu, torch.relu), "relu", "relu"),
        ((lambda z: z, torch.sigmoid), "", "sigmoid"),
        ((torch.tanh, lambda z: z), "tanh", ""),
    ],
)
def test_acts_on_the_mean_and_the_log_variance_are_named(
    acts: tuple[Any, Any], mean: str, log_variance: str, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = Coder(1.0)
    model.mean.register_forward_hook(lambda _m, _i, out: acts[0](out))
    model.spread.register_forward_hook(lambda _m, _i, out: acts[1](out))
    (fact,) = facts(tmp_path, "latents", model, model.loss, steps=5).values()
    assert str(fact.data["mean_act"]).split("()")[0] == mean
    assert str(fact.data["log_variance_act"]).split("()")[0] == log_variance


def test_the_codes_of_a_codebook_are_counted(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.ModuleDict({"encoder": nn.Linear(SIZE, 2), "codes": nn.Embedding(10, 2)})
    nn.init.constant_(model["codes"].weight[4:], 100.0)  # type: ignore[index]

    def loss(x: Tensor) -> Tensor:
        z = model["encoder"](x)
        near = torch.cdist(z, model["codes"].weight).argmin(1)
        q = model["codes"](near)
        return F.mse_loss(q, z.detach()) + F.mse_loss(z, q.detach())

    (fact,) = facts(tmp_path, "latents", model, loss).values()
    assert (fact.site, fact.data["what"], fact.data["units"]) == ("codes.weight", "codes", 10)
    assert 1 <= fact.data["used"] <= 4


def test_a_softmax_of_probabilities_is_found_and_one_of_their_logarithm_is_not(
    tmp_path: Path,
) -> None:
    torch.manual_seed(0)
    model = nn.Linear(SIZE, 3)
    twice = facts(
        tmp_path, "softmax-chain", model, lambda x: -model(x).softmax(1).log_softmax(1)[:, 0].mean()
    )
    assert [fact.data["classes"] for fact in twice.values()] == [3]
    (tmp_path / "other").mkdir()
    once = facts(
        tmp_path / "other",
        "softmax-chain",
        model,
        lambda x: -model(x).softmax(1).log().log_softmax(1)[:, 0].mean(),
    )
    assert not once


class Reader(nn.Module):
    def __init__(self, recurrent: nn.Module) -> None:
        super().__init__()
        self.rnn, self.out = recurrent, nn.Linear(5, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.rnn(x)[0][:, -1])


def shrunk(recurrent: nn.Module) -> nn.Module:
    with torch.no_grad():
        for name, weight in recurrent.named_parameters():
            if name.startswith("weight_hh"):
                weight.mul_(0.2)
    return recurrent


@pytest.mark.parametrize("make", [nn.RNN, nn.LSTM, nn.GRU])
def test_the_gradient_over_time_is_what_autograd_says(
    make: Callable[..., nn.Module], tmp_path: Path
) -> None:
    """The decades lost are those of the gradient of the input, asked of autograd."""
    torch.manual_seed(0)
    model = Reader(shrunk(make(SIZE, 5, batch_first=True)))
    wanted: list[float] = []

    def loss(x: Tensor) -> Tensor:
        copy = x.clone().requires_grad_()
        (grad,) = torch.autograd.grad(model(copy)[:8].square().mean(), copy)
        norms = grad[:8].transpose(0, 1).flatten(1).norm(dim=1).log10()
        wanted.append(float(norms[-1] - norms[0]))
        return model(x)[:8].square().mean()

    (fact,) = facts(tmp_path, "time", model, loss, steps=4, shape=(ROWS, 12, SIZE)).values()
    assert (fact.site, fact.data["length"]) == ("rnn", 12)
    assert fact.data["log10"][-1] - fact.data["log10"][0] == pytest.approx(wanted[-1], rel=0.35)
    assert (fact.data["now"] == "lost") is (wanted[-1] >= 3)


@pytest.mark.parametrize("make", [nn.RNN, nn.LSTM, nn.GRU])
def test_reading_it_changes_no_bit_of_the_training(
    make: Callable[..., nn.Module], tmp_path: Path
) -> None:
    def trained(path: Path | None) -> tuple[list[Tensor], Tensor]:
        torch.manual_seed(0)
        model = Reader(make(SIZE, 5, batch_first=True))

        def loss(x: Tensor) -> Tensor:
            return F.dropout(model(x), 0.5).square().mean()

        if path is not None:
            facts(path, "time", model, loss, shape=(ROWS, 12, SIZE))
        else:
            optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
            draw = torch.Generator().manual_seed(0)
            for _ in range(8):
                optimizer.zero_grad()
                loss(torch.randn(ROWS, 12, SIZE, generator=draw)).backward()
                optimizer.step()
        return [p.detach().clone() for p in model.parameters()], torch.get_rng_state()

    plain, watched = trained(None), trained(tmp_path)
    assert all(torch.equal(one, two) for one, two in zip(plain[0], watched[0], strict=True))
    assert torch.equal(plain[1], watched[1])


def test_one_part_that_fails_leaves_the_others_and_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(GradientOverTime, "hook", broken)
    model = nn.Sequential(nn.Linear(SIZE, 1), nn.LayerNorm(1), nn.Linear(1, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    with relume.watch(model, every=1, path=tmp_path / "run.sqlite") as run:
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.randn(ROWS, SIZE)).square().mean().backward()
            optimizer.step()
        assert {fact.site for fact in run.trace().facts_of("rows")} >= {"1"}
    assert any("broken on purpose" in problem for problem in run.problems)
