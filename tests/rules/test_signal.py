"""Updates, rows, terms and frozen weights: small trainings, their twins and each guard."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
import wiring_traces as wiring
from signal_traces import latents, phases
from test_rule_contract import RULES, found
from torch import Tensor, nn
from torch.nn import functional
from traces import flat

import relume
from relume.core import Finding, Severity, Trace

STEPS = 40


def of(code: str, trace: Trace) -> list[Finding]:
    return found(RULES[code], trace)


def mlp(out: int = 1) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, out))


def batches(rows: int = 32) -> Iterator[Tensor]:
    torch.manual_seed(1)
    while True:
        yield torch.randn(rows, 6)


def run(
    path: Path,
    model: nn.Module,
    loss: Callable[[int, Tensor], Tensor],
    *,
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.SGD,
    rate: Callable[[int], float] = lambda step: 1e-2,
    every: int = 1,
    steps: int = STEPS,
) -> Trace:
    chosen = optimizer([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    with relume.watch(model, every=1, path=path / "run.sqlite") as recording:
        for step, x in zip(range(steps), batches(), strict=False):
            chosen.param_groups[0]["lr"] = rate(step)
            (loss(step, x) / every).backward()
            if step % every == every - 1:
                chosen.step()
                chosen.zero_grad()
    return recording.trace()


# --- updates that are lost ----------------------------------------------------------------------


def test_rounding_takes_the_update(tmp_path: Path) -> None:
    model = mlp().bfloat16()
    trace = run(
        tmp_path,
        model,
        lambda _, x: model(x.bfloat16()).float().square().mean(),
        rate=lambda _: 1e-4,
    )
    (finding,) = of("ACT908", trace)
    assert finding.evidence.more["dtype"] == "bfloat16"
    assert float(finding.evidence.value) > 0.9  # type: ignore[arg-type]


def test_an_eps_far_above_the_gradient(tmp_path: Path) -> None:
    model = mlp()

    def adam(parameters: list[Tensor], lr: float) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, lr, eps=1.0)

    trace = run(tmp_path, model, lambda _, x: 0.01 * model(x).square().mean(), optimizer=adam)
    (finding,) = of("ACT908", trace)
    assert finding.evidence.stat == "eps_over_gradient"


def test_a_rate_that_begins_at_zero_and_unused_rows_lose_nothing(tmp_path: Path) -> None:
    table = nn.Sequential(nn.Embedding(500, 8), nn.Flatten(), nn.Linear(48, 1))  # few rows are used

    def loss(_step: int, x: Tensor) -> Tensor:
        return table((x.abs() * 10).long().clamp(max=499)).square().mean()

    trace = run(tmp_path, table, loss, rate=lambda step: 0.0 if step < 12 else 1e-2)
    assert not of("ACT908", trace)


# --- rows and labels ----------------------------------------------------------------------------


@pytest.mark.parametrize("signs", [False, True])
def test_a_hinge_wants_signs(tmp_path: Path, signs: bool) -> None:
    model = mlp()

    def hinge(_step: int, x: Tensor) -> Tensor:
        y = (x[:, :1] > 0).float()
        return torch.clamp(1 - (2 * y - 1 if signs else y) * model(x), min=0).mean()

    findings = of("ACT909", run(tmp_path, model, hinge))
    assert len(findings) == (not signs)
    assert signs or findings[0].evidence.more["zeroed"] > 0.3  # type: ignore[operator]


def test_pairs_that_are_far_enough_apart_may_rest(tmp_path: Path) -> None:
    model = mlp(4)

    def triplet(_step: int, x: Tensor) -> Tensor:
        near, far = model(x), model(x + torch.randn_like(x))
        return functional.triplet_margin_loss(near, near.roll(1, 0), far, margin=0.01)

    assert not of("ACT909", run(tmp_path, model, triplet))


@pytest.mark.parametrize("kept", [0, 1])
def test_labels_of_which_none_counts(tmp_path: Path, kept: int) -> None:
    model = mlp(3)

    def loss(_step: int, x: Tensor) -> Tensor:
        labels = torch.full((32,), -100)
        labels[:kept] = 1
        return functional.cross_entropy(model(x), labels)

    assert len(of("ACT909", run(tmp_path, model, loss))) == (kept == 0)


def test_a_saturated_network_is_not_blind(tmp_path: Path) -> None:
    model = mlp(3)
    with torch.no_grad():
        model[2].weight *= 1e4

    def loss(_step: int, x: Tensor) -> Tensor:
        return functional.cross_entropy(model(x), model(x).argmax(1))

    assert not of("ACT909", run(tmp_path, model, loss))


# --- labels -------------------------------------------------------------------------------------


def binary(x: Tensor) -> Tensor:
    return (x[:, 0] > 0).long()


def masked(z: Tensor, y: Tensor) -> Tensor:
    return (functional.cross_entropy(z, y, reduction="none") * (y > 0)).mean()


def by_hand(z: Tensor, y: Tensor) -> Tensor:
    weight = torch.tensor([1.0, 0.0])[y]
    return -(weight * z.log_softmax(1).gather(1, y[:, None])[:, 0]).mean()


def positives(z: Tensor, y: Tensor) -> Tensor:
    made = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(0.0))
    return made(z[:, 0], y.float())


Judge = Callable[[Tensor, Tensor], Tensor]


@pytest.mark.parametrize(
    ("judge", "label", "by"),
    [
        (nn.CrossEntropyLoss(ignore_index=0), "0", "ignore_index"),
        (nn.CrossEntropyLoss(weight=torch.tensor([1.0, 0.0])), "1", "class weight"),
        (masked, "0", "mask or weight of the terms"),
        (by_hand, "1", "mask or weight of the terms"),
        (positives, "1", "pos_weight"),
    ],
)
def test_a_class_whose_labels_never_count(
    tmp_path: Path, judge: Judge, label: str, by: str
) -> None:
    model = mlp(2)
    trace = run(tmp_path, model, lambda _step, x: judge(model(x), binary(x)))
    (finding,) = of("ACT909", trace)
    assert (finding.evidence.more["classes"], finding.evidence.more["by"]) == (label, by)
    assert 0.4 < finding.evidence.value < 0.6
    assert finding.severity >= Severity.WARNING


@pytest.mark.parametrize(
    "judge",
    [
        nn.CrossEntropyLoss(),
        nn.CrossEntropyLoss(weight=torch.tensor([0.1, 3.0])),
        lambda z, y: functional.cross_entropy(z, torch.where(torch.arange(len(y)) < 9, -100, y)),
        lambda z, y: (functional.cross_entropy(z, y, reduction="none") * torch.rand(len(y))).mean(),
        lambda z, y: functional.cross_entropy(1e4 * z, y),  # sure from the start
    ],
)
def test_labels_that_count(tmp_path: Path, judge: Judge) -> None:
    model = mlp(2)
    trace = run(tmp_path, model, lambda _step, x: judge(model(x), binary(x)))
    assert not of("ACT909", trace)


@pytest.mark.parametrize(
    ("share", "severity"), [(0.19, Severity.NOTE), (0.2, Severity.ERROR), (0.6, Severity.ERROR)]
)
def test_a_small_class_without_a_gradient_is_a_note(share: float, severity: Severity) -> None:
    (finding,) = of("ACT909", wiring.unheard_class(share).trace())
    assert finding.severity == severity


class Words(nn.Module):
    """A tagger: one label to a word, 0 is padding; `last`: one label to a sequence."""

    def __init__(self, last: bool) -> None:
        super().__init__()
        self.last = last
        self.embed, self.read = nn.Embedding(9, 6), nn.GRU(6, 8, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, ids: Tensor) -> Tensor:
        h = self.read(self.embed(ids))[0]
        out: Tensor = self.head(h[:, -1] if self.last else h)
        return out


@pytest.mark.parametrize("last", [False, True])
def test_padding_is_no_class(tmp_path: Path, last: bool) -> None:
    """The same index 0 is padding of words, and a class of sequences."""
    model = Words(last)

    def loss(_step: int, x: Tensor) -> Tensor:
        ids = (x.abs() * 3).long().clamp(max=8)
        labels = ids[:, -1] % 3 if last else ids % 3
        return functional.cross_entropy(
            model(ids).reshape(-1, 3), labels.reshape(-1), ignore_index=0
        )

    assert bool(of("ACT909", run(tmp_path, model, loss))) is last


# --- terms --------------------------------------------------------------------------------------


def test_a_term_that_became_a_number(tmp_path: Path) -> None:
    model = mlp(2)
    optimizer = torch.optim.SGD(model.parameters(), 1e-2)
    with relume.watch(model, every=1, path=tmp_path / "run.sqlite") as run_:
        for _, x in zip(range(STEPS), batches(), strict=False):
            out = model(x)
            first, second = out[:, 0].square().mean(), (out[:, 1] - 1).square().mean()
            loss = first + second.item()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    (finding,) = of("ACT910", run_.trace())
    assert finding.evidence.more["operand"] == "second.item()"


def rebuilt(term: Tensor) -> Tensor:
    return torch.tensor(term.item())


def trained_with(path: Path, loss: Callable[[Tensor, Tensor], Tensor]) -> list[Finding]:
    model = mlp(2)
    optimizer = torch.optim.SGD(model.parameters(), 1e-2)
    with relume.watch(model, every=1, path=path / "run.sqlite") as run_:
        for _, x in zip(range(STEPS), batches(), strict=False):
            out = model(x)
            optimizer.zero_grad()
            loss(out[:, 0].square().mean(), (out[:, 1] - 1).square().mean()).backward()
            optimizer.step()
    assert not run_.problems
    return of("ACT910", run_.trace())


def by_name(first: Tensor, second: Tensor) -> Tensor:
    second = rebuilt(second)
    return first + 0.3 * second


def by_number(first: Tensor, second: Tensor) -> Tensor:
    weight = 0.3
    second = second.item()
    return first + weight * second


def by_return(first: Tensor, second: Tensor) -> Tensor:
    return first + rebuilt(second).item()


def by_list(first: Tensor, second: Tensor) -> Tensor:
    return sum([first, second.detach()])


@pytest.mark.parametrize(
    ("loss", "operand", "cut"),
    [
        (by_name, "what .item() returned", ".item()"),
        (by_number, "weight * second", ".item()"),
        (by_return, "what .item() returned", ".item()"),
        (by_list, "what .detach() returned", ".detach()"),
    ],
)
def test_a_term_that_is_rebuilt_from_numbers(
    tmp_path: Path, loss: Callable[[Tensor, Tensor], Tensor], operand: str, cut: str
) -> None:
    (finding,) = trained_with(tmp_path, loss)
    assert finding.evidence.more["operand"] == operand
    assert finding.evidence.more["cut"] == cut


def test_baselines_constants_and_logs_are_no_terms(tmp_path: Path) -> None:
    seen, mean = list[float](), 0.5

    def loss(first: Tensor, second: Tensor) -> Tensor:
        nonlocal mean
        mean = 0.9 * mean + 0.1 * second.item()  # a moving average
        seen.append(second.item())
        margin = 0.25
        rows = torch.stack([first, second])
        drift = (rows.detach() - rows + margin).mean()  # what is compared is no term
        return first + second + drift - mean

    assert not trained_with(tmp_path, loss)


def test_constants_and_a_term_that_another_optimiser_trains_are_none(tmp_path: Path) -> None:
    one, two = mlp(), mlp()
    first = torch.optim.SGD(one.parameters(), 1e-2)
    second = torch.optim.SGD(two.parameters(), 1e-2)
    offset = torch.tensor(0.5)
    with relume.watch(nn.ModuleList([one, two]), every=1, path=tmp_path / "run.sqlite") as run_:
        for step, x in zip(range(STEPS), batches(), strict=False):
            loss = one(x).square().mean() + two(x).square().mean() + offset
            loss.backward()
            (first if step % 2 else second).step()
            first.zero_grad()
            second.zero_grad()
    assert not of("ACT910", run_.trace())


# --- frozen -------------------------------------------------------------------------------------


def behind_frozen(path: Path, prepare: Callable[[nn.Module], object], *, easy: bool) -> Trace:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 2))
    prepare(model[0])
    model[0].requires_grad_(False)

    def loss(_step: int, x: Tensor) -> Tensor:
        y = x[:, 0] > 0 if easy else torch.rand(32) > 0.5
        return functional.cross_entropy(model(x), y.long())

    return run(path, model, loss, optimizer=torch.optim.Adam, steps=200)


def test_frozen_as_drawn_in_a_run_that_stalls(tmp_path: Path) -> None:
    (finding,) = of("ACT911", behind_frozen(tmp_path, lambda _: None, easy=False))
    assert finding.site == "0.weight"


def test_random_features_that_do_and_weights_that_were_trained_are_none(tmp_path: Path) -> None:
    assert not of("ACT911", behind_frozen(tmp_path, lambda _: None, easy=True))

    def trained(layer: nn.Module) -> None:
        with torch.no_grad():
            layer.weight[:, 0] *= 6.0  # type: ignore[union-attr,operator]

    other = tmp_path / "trained"
    other.mkdir()
    assert not of("ACT911", behind_frozen(other, trained, easy=False))


def test_acts_of_a_frozen_body_can_be_read_again(tmp_path: Path) -> None:
    """They are in no graph, and stand before all that are."""
    trace = behind_frozen(tmp_path, lambda _: None, easy=True)
    assert min(site.order for site in trace.sites_of("act")) < 0
    assert relume.load(tmp_path / "run.sqlite").diagnose().outcome.learns


@pytest.mark.parametrize("act", [nn.ReLU, nn.Tanh, nn.GELU, nn.SiLU])
@pytest.mark.parametrize("again", [False, True])
def test_a_body_that_thaws_is_read_on(act: type[nn.Module], again: bool, tmp_path: Path) -> None:
    """Fine-tuning in stages: its acts are in no graph at first, and in one later on."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 32), act(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(model[2].parameters(), 1e-2)
    model[0].requires_grad_(False)
    with relume.watch(model, every=1, path=tmp_path / "run.sqlite") as run_:
        for step, x in zip(range(90), batches(), strict=False):
            model[0].requires_grad_(step >= 30 and not (again and step >= 60))
            optimizer.zero_grad()
            functional.cross_entropy(model(x), (x[:, 0] * x[:, 1] > 0).long()).backward()
            optimizer.step()
        assert run_.problems == ()
    trace = run_.trace()
    assert trace.meta["records"] == 90
    (site,) = (site for site in trace.sites_of("act") if site.layer == "0")
    pre = trace.series(site.name, "post_rms")
    assert pre is not None
    assert len(pre) == 90
    assert not of("ACT911", trace)
    if not again:  # it thawed, and the optimiser never got it
        (finding,) = of("ACT903", trace)
        assert finding.site.startswith("0.")


def test_a_mask_of_padding_silences_rows_by_design(tmp_path: Path) -> None:
    model = mlp()

    def loss(_step: int, x: Tensor) -> Tensor:
        mask = (torch.arange(4) < torch.randint(1, 5, (32, 1))).float()
        out = model(x[:, None].expand(32, 4, 6)).squeeze(2) * mask
        return (out.sum(1) / mask.sum(1)).square().mean()

    assert not of("ACT909", run(tmp_path, model, loss))


@pytest.mark.parametrize(("steps", "told"), [(47, False), (400, True)])
def test_latents_that_are_not_used_yet_are_not_called_inactive(steps: int, told: bool) -> None:
    """A public VAE uses none of its latents in its first epoch, and all of them later."""
    build = latents(0)
    build.facts = [fact for fact in build.facts if fact.kind != "criterion"]
    trace = build.loss(flat(steps)).trace()
    assert bool(of("ACT407", trace)) is told


def test_a_phase_that_wraps_is_a_warning_where_nothing_is_learned() -> None:
    for stalled, severity in ((False, Severity.NOTE), (True, Severity.WARNING)):
        (finding,) = of("ACT304", phases(12.0, stalled=stalled).trace())
        assert finding.severity is severity
        assert ("near guessing" in finding.message) is stalled
    first = phases(12.0, stalled=True)
    first.sites = [site for site in first.sites if site.name == "act8" or site.kind != "act"]
    assert not of("ACT304", first.trace())  # the layer that the data enter


@pytest.mark.parametrize("what", ["zeros", "rare ones", "pictures"])
def test_inputs_that_are_zero_throughout(what: str, tmp_path: Path) -> None:
    model = mlp(2)

    def loss(step: int, x: Tensor) -> Tensor:
        x = torch.zeros_like(x) if what == "zeros" or (what == "rare ones" and step < 5) else x
        x = (x > 1).float() if what == "rare ones" else x
        return functional.cross_entropy(model(x), torch.randint(2, (len(x),)))

    told = [f.severity for f in of("ACT702", run(tmp_path, model, loss))]
    assert told == ([Severity.ERROR] if what == "zeros" else [])
