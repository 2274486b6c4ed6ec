"""The rules of wiring: small real trainings with their healthy twins, and each guard."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import wiring_traces as wiring
from test_rule_contract import RULES, found
from torch import Tensor, nn

import relume
from relume.core import Finding, Severity, Trace

STEPS = 24


def batch() -> tuple[Tensor, Tensor]:
    x = torch.randn(32, 6)
    return x, (x[:, 0] > 0).long()


def mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2))


class Listed(nn.Module):
    """Hidden layers in a plain list, or in a `ModuleList`."""

    def __init__(self, keep: Callable[[list[nn.Module]], object]) -> None:
        super().__init__()
        self.hidden = keep([nn.Linear(6, 6) for _ in range(2)])
        self.head = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.hidden:  # type: ignore[attr-defined]
            x = torch.relu(layer(x))
        return self.head(x)


class Remaking(nn.Module):
    """A layer that is made in forward, or in `__init__`."""

    def __init__(self, anew: bool) -> None:
        super().__init__()
        self.norm, self.anew = nn.BatchNorm1d(6), anew
        self.head = None if anew else nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        head = nn.Linear(6, 2) if self.head is None else self.head
        return head(self.norm(x))


class Encoded(nn.Module):
    """An encoder behind `cut`, and a head."""

    def __init__(self, cut: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.encoder, self.head, self.cut = nn.Linear(6, 8), nn.Linear(8, 2), cut

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.cut(torch.tanh(self.encoder(x))))


def run(
    path: Path,
    model: nn.Module,
    parameters: list[Tensor] | None = None,
    *,
    clear: Callable[[int], bool] = lambda step: True,
    update: Callable[[int], bool] = lambda step: True,
    data: Callable[[int, Tensor], Tensor] = lambda step, x: x,
    after: Callable[[], None] = lambda: None,
    optimizer: type[torch.optim.Optimizer] = torch.optim.Adam,
    rate: Callable[[int], float] = lambda step: 1e-2,
    steps: int = STEPS,
) -> Trace:
    held = list(model.parameters()) if parameters is None else parameters
    chosen = optimizer(held, lr=1e-2)  # type: ignore[call-arg]
    with relume.watch(model, every=1, path=path / "run.sqlite") as recording:
        for step in range(steps):
            x, y = batch()
            if clear(step):
                chosen.zero_grad()
                model.zero_grad()
            chosen.param_groups[0]["lr"] = rate(step)
            nn.functional.cross_entropy(model(data(step, x)), y).backward()
            if update(step):
                chosen.step()
            after()
    return recording.trace()


def of(code: str, trace: Trace) -> list[Finding]:
    return found(RULES[code], trace)


def none_of_all(trace: Trace) -> None:
    loud = [f for c in RULES if c.startswith("ACT9") for f in of(c, trace)]
    assert not [f for f in loud if f.severity > Severity.NOTE], [f.message for f in loud]


# --- small trainings and their twins ------------------------------------------------------------


def test_a_healthy_training_is_quiet(tmp_path: Path) -> None:
    none_of_all(run(tmp_path, mlp()))


def test_gradients_that_are_never_cleared(tmp_path: Path) -> None:
    (finding,) = of("ACT901", run(tmp_path, mlp(), clear=lambda step: step == 0))
    assert finding.severity == Severity.ERROR
    assert finding.evidence.more["count"] == 4


@pytest.mark.parametrize("period", [2, 3, 8])
def test_accumulation_is_no_fault(tmp_path: Path, period: int) -> None:
    every = run(
        tmp_path,
        mlp(),
        clear=lambda step: step % period == 0,
        update=lambda step: step % period == period - 1,
        steps=12 * period,
    )
    none_of_all(every)


def test_an_optimiser_that_never_steps(tmp_path: Path) -> None:
    (finding,) = of("ACT902", run(tmp_path, mlp(), update=lambda step: False))
    assert (finding.evidence.value, finding.severity) == (STEPS, Severity.ERROR)


def test_gradients_alone_are_no_training(tmp_path: Path) -> None:
    """Saliency maps: no optimiser, and the input requires a gradient."""
    model = mlp()
    with relume.watch(model, every=1, path=tmp_path / "run.sqlite") as recording:
        for _ in range(STEPS):
            x, _ = batch()
            model(x.requires_grad_()).amax(1).sum().backward()
    none_of_all(recording.trace())


def test_layers_in_a_plain_list(tmp_path: Path) -> None:
    (finding,) = of("ACT903", run(tmp_path, Listed(list)))
    assert finding.severity == Severity.ERROR  # the head alone trains
    assert finding.evidence.value == 4
    assert "hidden[0].weight" in str(finding.evidence.more["names"])
    other = tmp_path / "twin"
    other.mkdir()
    none_of_all(run(other, Listed(nn.ModuleList)))


def test_an_optimiser_older_than_the_head(tmp_path: Path) -> None:
    model = mlp()
    before = list(model.parameters())
    model[2] = nn.Linear(16, 2)
    (finding,) = of("ACT903", run(tmp_path, model, before))
    assert finding.severity >= Severity.WARNING
    assert finding.evidence.more["strangers"] == 2


def test_a_part_that_is_not_optimised_may_be_meant(tmp_path: Path) -> None:
    model = mlp()
    trace = run(tmp_path, model, list(model[2].parameters()))
    assert [f.severity for f in of("ACT903", trace)] == [Severity.NOTE]


def test_what_is_frozen_or_updated_by_hand_is_no_fault(tmp_path: Path) -> None:
    model = mlp()
    model[0].requires_grad_(False)
    none_of_all(run(tmp_path, model))
    other = tmp_path / "hand"
    other.mkdir()
    model = mlp()

    def by_hand() -> None:
        with torch.no_grad():
            for parameter in model[0].parameters():
                parameter.sub_(0.01 * parameter.grad)

    none_of_all(run(other, model, list(model[2].parameters()), after=by_hand))


@pytest.mark.parametrize(
    ("cut", "word"),
    [
        (torch.detach, ".detach() cuts it off (line "),
        (torch.sign, "sign"),
        (torch.round, "round"),
    ],
)
def test_an_encoder_that_gets_no_gradient(
    tmp_path: Path, cut: Callable[[Tensor], Tensor], word: str
) -> None:
    (finding,) = of("ACT904", run(tmp_path, Encoded(cut)))
    assert finding.severity == Severity.ERROR
    assert finding.site == "encoder.weight"
    assert word in finding.message


def test_a_straight_through_estimator_is_no_fault(tmp_path: Path) -> None:
    none_of_all(run(tmp_path, Encoded(lambda z: z + (z.sign() - z).detach())))


def test_a_module_that_is_never_called_is_a_note(tmp_path: Path) -> None:
    model = Encoded(torch.relu)
    model.spare = nn.Linear(3, 3)
    trace = run(tmp_path, model)
    assert [f.severity for f in of("ACT904", trace)] in ([Severity.NOTE], [Severity.WARNING])


def test_a_target_network_and_a_moving_average_are_no_fault(tmp_path: Path) -> None:
    model = Encoded(torch.relu)
    model.target = nn.Linear(6, 8)  # in the model, in no loss, moved by hand
    with torch.no_grad():
        model.target.weight.copy_(model.encoder.weight)

    def follow() -> None:
        with torch.no_grad():
            model.target.weight.lerp_(model.encoder.weight, 0.1)
            model.target.bias.lerp_(model.encoder.bias, 0.1)

    none_of_all(run(tmp_path, model, after=follow))


class Sometimes(nn.Module):
    """A branch that takes part in every fifth step only."""

    def __init__(self) -> None:
        super().__init__()
        self.main, self.extra, self.count = nn.Linear(6, 2), nn.Linear(6, 2), 0

    def forward(self, x: Tensor) -> Tensor:
        self.count += 1
        return self.main(x) + (self.extra(x) if self.count % 5 == 0 else 0)


def test_what_takes_part_at_times_a_sparse_embedding_and_a_late_rate_are_no_fault(
    tmp_path: Path,
) -> None:
    none_of_all(run(tmp_path, Sometimes()))
    for name, model, more in (
        ("late", mlp(), {"rate": lambda step: 0.0 if step < 12 else 1e-2}),
        (
            "sparse",
            nn.Sequential(nn.Embedding(2000, 4, sparse=True), nn.Flatten(), nn.Linear(24, 2)),
            {"optimizer": torch.optim.SGD, "data": lambda step, x: x.abs().mul(100).long()},
        ),
    ):
        (tmp_path / name).mkdir()
        none_of_all(run(tmp_path / name, model, **more))


def test_a_low_rank_branch_that_begins_at_zero_is_no_fault(tmp_path: Path) -> None:
    """LoRA: the base is frozen, and one factor is zero at first, so the other's gradient is too."""
    model = Encoded(torch.relu)
    model.encoder.requires_grad_(False)
    down, up = nn.Linear(6, 2, bias=False), nn.Linear(2, 8, bias=False)
    nn.init.zeros_(up.weight)
    model.encoder = nn.Sequential()  # type: ignore[assignment]
    model.down, model.up = down, up
    model.base = nn.Linear(6, 8).requires_grad_(False)
    model.encoder.forward = lambda x: model.base(x) + up(down(x))  # type: ignore[method-assign]
    none_of_all(run(tmp_path, model, [*down.parameters(), *up.parameters()]))


def test_layers_that_are_made_in_forward(tmp_path: Path) -> None:
    script = Remaking(anew=True)
    with relume.watch(script, every=1, path=tmp_path / "run.sqlite") as recording:
        optimizer = torch.optim.SGD(script.parameters(), 1e-2)
        for _ in range(STEPS):
            x, y = batch()
            loss = nn.functional.cross_entropy(script(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    (finding,) = of("ACT905", recording.trace())
    assert (finding.severity, finding.evidence.more["leaves"]) == (Severity.ERROR, 2)
    (tmp_path / "twin").mkdir()
    none_of_all(run(tmp_path / "twin", Remaking(anew=False)))


class Hyper(nn.Module):
    """The weights of the head are computed: they are no leaves."""

    def __init__(self) -> None:
        super().__init__()
        self.maker, self.code = nn.Linear(3, 12), nn.Parameter(torch.randn(3))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.maker(self.code).reshape(6, 2)


def test_a_hypernetwork_is_no_fault(tmp_path: Path) -> None:
    none_of_all(run(tmp_path, Hyper()))


def test_inputs_optimised_by_hand_are_no_parameters(tmp_path: Path) -> None:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), 1e-2)
    noise = torch.zeros(32, 6, requires_grad=True)
    with relume.watch(model, every=1, path=tmp_path / "run.sqlite") as recording:
        for _ in range(STEPS):
            x, y = batch()
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x + noise), y).backward()
            optimizer.step()
    trace = recording.trace()
    none_of_all(trace)


def test_data_that_are_not_finite(tmp_path: Path) -> None:
    def spoil(step: int, x: Tensor) -> Tensor:
        x[7, 2] = float("nan") if step >= 3 else x[7, 2]
        return x

    (finding,) = of("ACT907", run(tmp_path, mlp(), data=spoil))
    assert (finding.evidence.more["first_row"], finding.steps[0]) == (7, 3)
    assert finding.evidence.more["bad_rows"] == 1
    assert finding.severity == Severity.ERROR


def test_the_objects_of_the_process_are_searched_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights updated by hand: no optimiser exists, and each backward would search again."""
    from relume.record.capture import optimizer_steps

    calls: list[int] = []
    monkeypatch.setattr(optimizer_steps, "live_optimizers", lambda: calls.append(1) or [])
    model = mlp()
    with relume.watch(model, every=1, path=tmp_path / "run.sqlite"):
        for _ in range(STEPS):
            x, y = batch()
            model.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.sub_(0.1 * parameter.grad)
    assert len(calls) == 1


class Centred(nn.Module):
    """Distances to centres that are no parameter, or points that an equation is asked at."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.centres = torch.randn(rows, 6, requires_grad=True)
        self.head = nn.Linear(rows, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.cdist(x, self.centres))


def test_a_plain_tensor_of_a_model_is_a_parameter(tmp_path: Path) -> None:
    model = Centred(5)
    (finding,) = of("ACT903", run(tmp_path, model))
    assert finding.evidence.more["names"] == "centres"
    (tmp_path / "held").mkdir()
    model = Centred(5)
    none_of_all(run(tmp_path / "held", model, [*model.parameters(), model.centres]))


def test_points_that_a_model_keeps_are_data(tmp_path: Path) -> None:
    class Points(nn.Module):
        """Its points have as many rows as what is made of them."""

        def __init__(self) -> None:
            super().__init__()
            self.points, self.net = torch.randn(32, 6, requires_grad=True), mlp()

        def forward(self, x: Tensor) -> Tensor:
            return self.net(self.points) + 0 * x[:, :2]

    assert not of("ACT903", run(tmp_path, Points()))


COPIED = """
import sys, torch
from torch import nn
net = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2)).requires_grad_(False)
picture = torch.zeros(2, 6, requires_grad=True)
held = picture.detach().clone().requires_grad_() if sys.argv[1] == "copied" else picture
optimizer = torch.optim.Adam([held], 0.05)
for _ in range(60):
    optimizer.zero_grad()
    nn.functional.cross_entropy(net(picture), torch.arange(2)).backward()
    optimizer.step()
"""


@pytest.mark.parametrize("way", ["copied", "itself"])
def test_an_input_whose_copy_is_optimised(way: str, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(COPIED)
    command = [sys.executable, "-m", "relume", "run", "--isolated", "--dir", str(tmp_path / "runs")]
    subprocess.run([*command, "train.py", way], cwd=tmp_path, capture_output=True, check=False)
    (file,) = (tmp_path / "runs").glob("*.sqlite")
    names = [
        f.evidence.more["names"] for f in relume.load(file).diagnose(select=["ACT903"]).findings
    ]
    assert names == (["picture"] if way == "copied" else [])


class Prompted(nn.Module):
    """A parameter whose values alone are used."""

    def __init__(self) -> None:
        super().__init__()
        self.prompt, self.body = nn.Parameter(torch.randn(6)), nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x + self.prompt.data)  # the values


def test_a_parameter_whose_values_alone_are_used(tmp_path: Path) -> None:
    (finding,) = of("ACT904", run(tmp_path, Prompted(), steps=40))
    line = next(
        at
        for at, text in enumerate(Path(__file__).read_text().splitlines(), 1)
        if "# the v" in text
    )
    assert (finding.site, finding.line) == ("prompt", line)


@pytest.mark.parametrize("wrapped", [True, False])
def test_outputs_that_are_wrapped_into_a_new_tensor(wrapped: bool, tmp_path: Path) -> None:
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    with relume.watch(model, every=1, path=tmp_path / "run.sqlite") as recording:
        for _ in range(STEPS):
            x, y = batch()
            out = model(x)
            out = torch.tensor(out.tolist(), requires_grad=True) if wrapped else out
            optimizer.zero_grad()
            nn.functional.cross_entropy(out, y).backward()
            optimizer.step()
    found_ = of("ACT904", recording.trace())
    assert [f.severity for f in found_] == ([Severity.ERROR] if wrapped else [])


# --- limits, on made traces ---------------------------------------------------------------------


def test_too_short_a_span_says_nothing_of_clearing() -> None:
    more = {"windows": 4, "uncleared": 4}
    assert not of("ACT901", wiring.wired("fc1.weight", window_steps=7, **more).trace())
    assert of("ACT901", wiring.wired("fc1.weight", window_steps=8, **more).trace())
    for windows, told in ((5, True), (8, True), (9, False)):  # an epoch may begin cleared
        seldom = {"windows": windows, "uncleared": 4, "window_steps": 60}
        found = of("ACT901", wiring.wired("fc1.weight", **seldom).trace())
        assert bool(found) is told
        assert not found or "seldom cleared. On 4 of the" in found[0].message
    target = {**more, "held": False, "window_steps": 60}  # moved by copies, beside what is held
    assert not of("ACT901", wiring.wired("target.weight", **target).trace())


@pytest.mark.parametrize("strangers", [True, False])
def test_one_look_is_enough_where_the_optimiser_holds_strangers(strangers: bool) -> None:
    """A model for each fold is looked at once at a time; the optimiser is the first one's."""
    build = wiring.wired("fold.weight", held=False, moved=False, reached=1, in_graph=1)
    none = {"in_graph": 0, "reached": 0, "moved": False, "named": False}
    for at, fact in enumerate(build.facts):
        if strangers and fact.kind == "wiring" and fact.data.get("held"):
            build.facts[at] = replace(fact, data={**fact.data, **none})
    assert bool(of("ACT903", build.trace())) is strangers


def test_an_open_run_may_still_gather_gradients() -> None:
    assert not of("ACT902", wiring.idle(255, ended=False).trace())
    assert of("ACT902", wiring.idle(256, ended=False).trace())
    assert not of("ACT902", wiring.idle(400, moved=1).trace())


@pytest.mark.parametrize(
    ("more", "severity"),
    [
        ({}, Severity.WARNING),
        ({"called": False}, Severity.WARNING),  # the run fares badly
        ({"in_graph": 10}, None),  # zero by value
        ({"moved": True}, None),  # something else moves it
        ({"moved": True, "zero": 5, "decay": 0.1}, Severity.WARNING),  # the decay does
        ({"held": False}, None),
        ({"audits": 3}, None),
    ],
)
def test_what_counts_as_cut_off(more: dict[str, object], severity: Severity | None) -> None:
    findings = of("ACT904", wiring.cut_off(10, **more).trace())
    assert (findings[0].severity if findings else None) == severity


def test_a_fault_of_wiring_explains_what_follows() -> None:
    trace = wiring.cut_off(10).series("fc1.weight", "update_ratio", 0.0).trace()
    roots = [f.code for f in relume.diagnose(trace).roots if f.severity >= Severity.WARNING]
    assert roots == ["ACT904"]


def test_an_optimiser_whose_eps_is_a_pair(tmp_path: Path) -> None:
    model = nn.Linear(8, 3)
    optimiser = torch.optim.Adafactor(model.parameters())
    with relume.watch(model, every=1, path=tmp_path / "run.sqlite") as recording:
        for _ in range(8):
            optimiser.zero_grad()
            model(torch.randn(16, 8)).square().mean().backward()
            optimiser.step()
    trace = recording.trace()
    assert not list(trace.facts_of("error"))
    [update] = trace.facts_of("update")
    assert update.data["steps"] == 6  # of eight, without the first two
    assert update.data["tried"] == 6 * 24
    assert update.data["eps_ratio"] == 0.0
