"""One suite for every fix, one row a fix.

A row says on which broken training and for which code the fix is proposed, and what is measured of
the live run while its edit is laid. Every row is also laid with an edit that fails, must leave
nothing behind, and must not move the run's random states.
"""

import copy
import json
import math
import random
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from broken import (
    BROKEN,
    Broken,
    Inverted,
    InvertedByHand,
    Net,
    Starved,
    adam,
    classes,
    sgd,
    weights,
)
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules import module as module_file
from torch.optim import optimizer as optimizer_file

from relume.core import Diagnosis, Evidence, Finding, Outcome, Severity, Trace
from relume.core.trial import Edit, Safety
from relume.diagnosis import all_rules
from relume.fixes import base as fix_file
from relume.fixes.apply import applied
from relume.fixes.ladder import all_fixes, fix_called, fix_pages, ladder
from relume.fixes.live.session import EditSession

# torch's own warning of the fault that ACT206 finds, and of NaN in a training that explodes
pytestmark = pytest.mark.filterwarnings("ignore:Using a target size")

FIXES = {fix.name: fix for fix in all_fixes()}


@dataclass
class Seen:
    """What a live run showed: after the first backward, and in its steps."""

    model: nn.Module
    weights: dict[str, Tensor]
    first: dict[str, Tensor]
    steps: list[dict[str, Tensor]]
    grads: dict[str, Tensor]
    posts: dict[str, Tensor]
    loss: list[float]
    session: EditSession
    parameters: int


def live(broken: Broken, edits: list[Edit], steps: int = 3) -> Seen:
    """Train under the session and look from outside, as somebody who knows nothing of fixes."""
    first: dict[str, Tensor] = {}
    taken: list[dict[str, Tensor]] = []
    grads: dict[str, Tensor] = {}
    given: list[int] = []
    losses: list[float] = []
    posts: dict[str, Tensor] = {}

    def each(model: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        now = {n: p.detach().clone() for n, p in model.named_parameters()}
        if not first:
            first.update(now)
            grads.update(
                {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
            )
        taken.append(now)
        given.append(sum(len(group["params"]) for group in optimiser.param_groups))

    judge = broken.judge

    def noted(out: Tensor, target: Tensor) -> Tensor:
        loss = judge(out, target)
        posts.setdefault("out", out.detach().clone())
        losses.append(float(loss.detach()))
        return loss

    with applied(edits) as session:
        model = replace(broken, judge=noted).train(steps, each=each)
        last = {n: p.detach().clone() for n, p in model.named_parameters()}
    return Seen(model, last, first, taken, grads, posts, losses, session, given[-1])


def update(seen: Seen, name: str, step: int = 0) -> Tensor:
    """How far a step moved a parameter."""
    after = seen.steps[step + 1] if step + 1 < len(seen.steps) else seen.weights
    return after[name] - seen.steps[step][name]


def close(one: Tensor, other: Tensor, tolerance: float = 1e-5) -> bool:
    return torch.allclose(one, other, rtol=tolerance, atol=tolerance * float(other.abs().max()))


# ------------------------------------------------------------------ what an applied edit must show


def times(factor: float) -> Callable[[Edit, Broken], None]:
    def check(edit: Edit, broken: Broken) -> None:
        plain = replace(broken, optimiser=sgd(0.01))
        base, treated = live(plain, []), live(plain, [edit])
        name = "head.weight" if "head.weight" in base.first else "0.weight"
        assert close(update(treated, name), factor * update(base, name), 0.01)  # of rounded weights
        assert len(treated.session.done) == 1

    return check


def raised(edit: Edit, broken: Broken) -> None:
    factor = float(edit.options["factor"])  # type: ignore[arg-type]
    assert factor > 1
    small = replace(broken, optimiser=sgd(0.01 / factor))  # else the factor blows it up
    base, treated = live(replace(broken, optimiser=sgd(0.01)), []), live(small, [edit])
    assert close(treated.weights["fc1.weight"], base.weights["fc1.weight"])
    assert len(treated.session.done) == 1


def capped(edit: Edit, broken: Broken) -> None:
    most = float(edit.options["most"])  # type: ignore[arg-type]
    assert most == 0.01  # the rate of nearly all steps
    for rate, same in ((100 * most, most), (most / 2, most / 2)):
        treated = live(replace(broken, optimiser=sgd(rate)), [edit])
        plain = live(replace(broken, optimiser=sgd(same)), [])
        assert close(treated.weights["fc1.weight"], plain.weights["fc1.weight"])


def warms(edit: Edit, _broken: Broken) -> None:
    plain = Broken(optimiser=sgd(0.01))
    base, treated = live(plain, []), live(plain, [edit])
    steps = float(edit.options["steps"])  # type: ignore[arg-type]
    wanted = update(base, "fc1.weight") / steps
    assert close(update(treated, "fc1.weight"), wanted, 0.05)  # differences of rounded weights
    ratio = update(treated, "fc1.weight", 1).norm() / update(treated, "fc1.weight", 0).norm()
    assert 1.5 < float(ratio) < 3  # twice the rate, on another batch


def decays(edit: Edit, _broken: Broken) -> None:
    fast = replace(edit, options={"steps": 20})
    plain = Broken(optimiser=sgd(0.01))
    treated = live(plain, [fast], 22)
    moved = [float(update(treated, "fc1.weight", step).norm()) for step in (0, 20)]
    assert moved[1] < 0.03 * moved[0]


def decay_lowered(edit: Edit, _broken: Broken) -> None:
    factor = float(edit.options["factor"])  # type: ignore[arg-type]
    plain, less = (Broken(optimiser=sgd(0.01, weight_decay=w)) for w in (2.0, 2.0 * factor))
    assert close(live(plain, [edit]).weights["fc1.weight"], live(less, []).weights["fc1.weight"])


def spared(edit: Edit, _broken: Broken) -> None:
    for make in (
        lambda w: sgd(0.01, weight_decay=w),
        lambda w: lambda model: torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=w),
    ):
        decayed, free = Broken(optimiser=make(0.5)), Broken(optimiser=make(0.0))
        treated = live(decayed, [edit], 1).weights["fc1.bias"]
        assert close(treated, live(free, [], 1).weights["fc1.bias"], 1e-4)
        assert not close(treated, live(decayed, [], 1).weights["fc1.bias"], 1e-4)
    slopes = Broken(
        model=lambda: nn.Sequential(nn.Linear(12, 8), nn.PReLU(), nn.Linear(8, 4)),
        optimiser=sgd(0.01, weight_decay=0.5),
    )
    only = replace(edit, options={"all": False})
    free = replace(slopes, optimiser=sgd(0.01))
    assert close(live(slopes, [only], 1).weights["1.weight"], live(free, [], 1).weights["1.weight"])
    assert not close(live(slopes, [only], 1).weights["0.bias"], live(free, [], 1).weights["0.bias"])


def clipped(edit: Edit, _broken: Broken) -> None:
    plain = Broken(model=weights(Net, 2.0), optimiser=sgd(0.01))
    base, treated = live(plain, []), live(plain, [edit])
    norms = [
        sum(float(update(s, n).square().sum()) for n in s.first) ** 0.5 for s in (base, treated)
    ]
    assert norms[0] > 0.02
    assert norms[1] == pytest.approx(0.01, rel=1e-4)


def cleared(edit: Edit, broken: Broken) -> None:
    whole = live(replace(broken, optimiser=sgd(0.05)), [], 6)
    treated = live(broken, [edit], 6)
    assert close(treated.weights["fc1.weight"], whole.weights["fc1.weight"], 1e-6)
    assert not close(live(broken, [], 6).weights["fc1.weight"], whole.weights["fc1.weight"])
    assert treated.session.done == ["gradients cleared after each step, 6 steps"]


def eps_usual(edit: Edit, broken: Broken) -> None:
    whole, treated = live(Broken(optimiser=adam(1e-3)), []), live(broken, [edit])
    assert close(treated.weights["fc1.weight"], whole.weights["fc1.weight"], 1e-6)
    small = replace(broken, optimiser=adam(1e-3, eps=1e-12))
    nothing = "an eps of 1e-08: nothing was changed, no optimiser has an eps above 1e-08"
    assert live(small, [edit]).session.missed == [nothing]


def skipped(edit: Edit, _broken: Broken) -> None:
    """A broken step moves nothing, the others move what they did."""
    for broken in (math.nan, math.inf):
        calls: list[float] = []

        def judge(out: Tensor, y: Tensor, at: float = broken, calls: Any = calls) -> Tensor:
            calls.append(at)
            return F.cross_entropy(out, y) * (at if len(calls) == 2 else 1.0)

        treated = live(Broken(judge=judge, optimiser=sgd(0.01, momentum=0.9)), [edit])
        assert not update(treated, "fc1.weight", 1).any()
        for step in (0, 2):
            moved = update(treated, "fc1.weight", step)
            assert bool(moved.isfinite().all())
            assert bool(moved.any())
        assert treated.session.done == ["1 step of 3 left out"]
    whole = live(Broken(optimiser=sgd(0.01)), [edit])
    assert close(
        whole.weights["fc1.weight"], live(Broken(optimiser=sgd(0.01)), []).weights["fc1.weight"]
    )


def adaptive(edit: Edit, _broken: Broken) -> None:
    plain = Broken(optimiser=sgd(0.05, momentum=0.9))
    treated = live(plain, [edit], 5)
    assert close(
        treated.weights["fc1.weight"],
        live(Broken(optimiser=adam(1e-3)), [], 5).weights["fc1.weight"],
        1e-3,
    )


def spread_of(expected: Callable[[nn.Linear], float]) -> Callable[[Edit, Broken], None]:
    def check(edit: Edit, broken: Broken) -> None:
        everywhere = replace(edit, sites=())
        treated = live(broken, [everywhere])
        linear = {n: m for n, m in treated.model.named_modules() if isinstance(m, nn.Linear)}
        assert len(linear) >= 3
        for name, layer in list(linear.items())[:-1]:
            drawn = treated.first[f"{name}.weight"]
            wide = expected(layer)
            # 3 standard errors of a standard deviation of so many draws
            assert float(drawn.std()) == pytest.approx(wide, rel=3 / (2 * drawn.numel()) ** 0.5)
            assert not treated.first[f"{name}.bias"].any()

    return check


def by_gain(layer: nn.Linear) -> float:
    return 1.0 / layer.in_features**0.5


def rescaled(edit: Edit, broken: Broken) -> None:
    treated = live(broken, [edit])
    treated.model.load_state_dict(treated.first)
    data, _ = classes(torch.Generator().manual_seed(0))
    treated.model.requires_grad_(False)
    for part in treated.model.children():
        data = part(data)
        if isinstance(part, nn.Linear):
            assert float(data.square().mean().sqrt()) == pytest.approx(1.0, rel=1e-4)


def biases(value: float) -> Callable[[Edit, Broken], None]:
    def check(edit: Edit, broken: Broken) -> None:
        treated = live(broken, [replace(edit, sites=("fc1",))])
        assert bool((treated.first["fc1.bias"] == value).all())
        assert bool((treated.first["fc2.bias"] < -8).any())

    return check


def drowning_zeroed(edit: Edit, broken: Broken) -> None:
    base, treated = live(broken, []), live(broken, [edit])
    assert bool((base.first["b1"] == -9).all())
    assert not treated.first["b1"].any()
    assert bool((treated.first["w1"] == base.first["w1"]).all())
    assert not base.grads["w1"].any()
    assert treated.grads["w1"].any()


def opened(edit: Edit, broken: Broken) -> None:
    base, treated = live(broken, []), live(broken, [edit])
    assert bool((treated.first["gate.bias"] == 1).all())
    assert bool((treated.first["fc.bias"] == base.first["fc.bias"]).all())
    passed = float(treated.grads["fc.weight"].norm() / base.grads["fc.weight"].norm())
    assert passed > 1e4  # of the gradient: what a sigmoid of -14 is of one of 1


def kept(edit: Edit, broken: Broken) -> None:
    base, treated = live(broken, []), live(broken, [edit])
    for state, same in ((base, False), (treated, True)):
        weight = state.first["rnn.weight_hh_l0"]
        assert torch.allclose(weight @ weight.T, torch.eye(16), atol=1e-5) is same
    assert not treated.first["rnn.bias_hh_l0"].any()


def straightened(edit: Edit, broken: Broken) -> None:
    base, treated = live(broken, []), live(broken, [edit])
    assert not base.grads["fc1.weight"].any()
    assert treated.grads["fc1.weight"].any()
    assert torch.equal(base.grads["head.bias"], treated.grads["head.bias"])  # the same forward


def fires(edit: Edit, broken: Broken) -> None:
    """Silent units speak from the first forward on, and the others keep their bias."""
    base, treated = live(broken, []), live(broken, [edit])
    moved = treated.first["fc1.bias"] != base.first["fc1.bias"]
    assert bool(moved[:22].all())
    assert not bool(moved[22:].any())
    alive = treated.grads["fc1.weight"].abs().sum(1) > 0
    assert int(alive.sum()) > 28
    assert int((base.grads["fc1.weight"].abs().sum(1) > 0).sum()) < 12


def recycles(edit: Edit, broken: Broken) -> None:
    """On the step of the recycling the function stays, and afterwards the units learn."""
    treated = live(broken, [edit], 40)
    was = treated.steps[24]["fc1.bias"][:20]
    now = treated.steps[25]["fc1.bias"][:20]
    assert bool((was < -8).all())
    assert bool((now == 0).all())
    # rows of the layer behind it that are dead units themselves were drawn anew
    alive = treated.steps[25]["fc2.bias"] != 0
    assert 4 < int(alive.sum()) < 12
    assert not treated.steps[25]["fc2.weight"][alive, :20].any()
    assert treated.steps[35]["fc2.weight"][alive, :20].any()
    assert abs(treated.loss[25] - treated.loss[24]) < 0.2


def swapped(edit: Edit, broken: Broken) -> None:
    """The outputs are those of a model that was written with the other act."""
    x = torch.randn(5, 12, generator=torch.Generator().manual_seed(1))
    for init in ("keep", "match"):
        whole = Edit("swap-act", {"act": "gelu", "init": init}, (), "gelu")
        with applied([whole]) as session:
            torch.manual_seed(0)
            model = Net()
            model(x).sum().backward()
            there = model(x).detach()
            state = copy.deepcopy(model.state_dict())
        model.load_state_dict(state)
        hidden = F.gelu(model.fc2(F.gelu(model.fc1(x))))
        assert close(there, model.head(hidden).detach())
        assert not close(there, model(x).detach(), 1e-2)
        assert session.done[0].startswith("2 relu replaced by gelu")


def inserted_act(edit: Edit, broken: Broken) -> None:
    treated = live(broken, [edit], 1)
    state = treated.first
    x, _ = classes(torch.Generator().manual_seed(0))
    with torch.no_grad():
        for name in ("0", "1"):
            x = torch.relu(F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"]))
        x = F.linear(x, state["2.weight"], state["2.bias"])
    assert close(treated.posts["out"], x)
    assert float(state["1.weight"].std()) == pytest.approx((2 / 32) ** 0.5, rel=0.1)


def inserted_norm(edit: Edit, broken: Broken) -> None:
    treated = live(broken, [replace(edit, sites=())])
    norms = [n for n in treated.first if "relume_norm" in n]
    assert len(norms) == 2 * 8
    assert treated.parameters == len(treated.first)  # the optimiser trains them
    name = "0.relume_norm.weight"
    assert not close(treated.weights[name], treated.first[name], 1e-9)


def standardised(edit: Edit, broken: Broken) -> None:
    """Every feature alike, whatever its scale; evaluation with the numbers of training."""
    entered: list[Tensor] = []
    data = torch.randn(200, 12, generator=torch.Generator().manual_seed(3))
    data = data * torch.logspace(-2, 2, 12) + 20
    data[:, 5] = 3.0
    with applied([edit]):
        model = Net()
        model(data)
        # from here on, behind the hook of the session
        handle = model.fc1.register_forward_pre_hook(lambda _m, given: entered.append(given[0]))
        model(data)
        model.eval()
        model(data[:7])
        handle.remove()
    varied = [at for at in range(12) if at != 5]
    assert float((entered[0].std(0, correction=0)[varied] - 1).abs().max()) < 1e-3
    assert float(entered[0].mean(0).abs().max()) < 1e-3
    assert not entered[0][:, 5].any()
    assert close(entered[1], entered[0][:7])


def same_function(edit: Edit, broken: Broken) -> None:
    base, treated = live(broken, [], 1), live(broken, [edit], 1)
    assert close(treated.posts["out"], base.posts["out"], 1e-4)


def folded(edit: Edit, broken: Broken) -> None:
    same_function(edit, broken)
    base, treated = live(broken, [], 1), live(broken, [edit], 1)
    assert not close(treated.first["fc1.bias"], base.first["fc1.bias"], 1e-2)
    assert not close(treated.grads["fc1.weight"], base.grads["fc1.weight"], 1e-2)


def idle_dropped(edit: Edit, broken: Broken) -> None:
    same_function(edit, broken)
    with applied([edit]):
        model = broken.train(1)
        assert isinstance(model[2], nn.Identity)  # type: ignore[index]
    assert isinstance(model[2], nn.ReLU)  # type: ignore[index]


def exactly(edit: Edit, _broken: Broken) -> None:
    half = Broken(model=lambda: nn.Sequential(nn.Linear(12, 4), nn.Sigmoid(), nn.Linear(4, 4)))

    def slope() -> Tensor:
        model = half.model().to(torch.bfloat16)
        with torch.no_grad():
            model[0].weight.zero_()  # type: ignore[index]
            model[0].bias.fill_(7.0)  # type: ignore[index]
        model(torch.zeros(1, 12, dtype=torch.bfloat16)).sum().backward()
        return model[0].bias.grad  # type: ignore[index]

    torch.manual_seed(0)
    bare = slope()
    with applied([replace(edit, sites=("1",))]) as session:
        torch.manual_seed(0)
        true = slope()
    assert not bare.any()
    assert bool(true.abs().min() > 0)
    assert session.done


def loss_is(expected: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Edit, Broken], None]:
    """The criterion gives what it would give if the source were mended; outputs stay."""

    def check(edit: Edit, broken: Broken) -> None:
        base, treated = live(broken, [], 1), live(broken, [edit], 1)
        mended = live(replace(broken, judge=expected), [], 1)
        assert treated.loss[0] == pytest.approx(mended.loss[0], rel=1e-5)
        assert abs(treated.loss[0] - base.loss[0]) > 1e-3

    return check


def unrectified(edit: Edit, broken: Broken) -> None:
    assert bool((live(broken, [], 1).posts["out"] >= 0).all())
    assert bool((live(broken, [edit], 1).posts["out"] < 0).any())


def stretched(edit: Edit, broken: Broken) -> None:
    base, treated = live(broken, [], 1), live(broken, [edit], 1)
    low, high = float(edit.options["low"]), float(edit.options["high"])  # type: ignore[arg-type]
    assert low < -5
    assert high > 6
    wanted = low + (base.posts["out"] + 1) * (high - low) / 2
    assert close(treated.posts["out"], wanted, 1e-4)


def one_sigmoid(edit: Edit, broken: Broken) -> None:
    assert bool((live(broken, [], 1).posts["out"] == 1).all())
    out = live(broken, [edit], 1).posts["out"]
    assert bool(((out > 0) & (out < 1)).all())


def over_classes(edit: Edit, broken: Broken) -> None:
    rows = live(broken, [edit], 1).posts["out"].exp().sum(1)
    assert close(rows, torch.ones_like(rows))


def adopted(edit: Edit, broken: Broken) -> None:
    still, moves = live(broken, []), live(broken, [edit])
    assert not update(still, "fc1.weight").any()
    assert update(moves, "fc1.weight").any()


def stable(edit: Edit, _broken: Broken) -> None:
    z = torch.tensor([[200.0, 0.0]])
    assert not torch.isfinite(torch.log(F.softmax(z, 1))).all()
    with applied([edit]) as session:
        logs = torch.log(F.softmax(z, 1))
        shaped = torch.log(torch.sigmoid(-z).reshape(2))
    assert logs.tolist() == [[0.0, -200.0]]
    assert shaped.tolist() == pytest.approx([-200.0, -0.6931], rel=1e-3)
    assert session.done


def scores_are(
    scale: float, *, normed: bool = False, most: float = 0.0
) -> Callable[[Edit, Broken], None]:
    """Outputs are those of an attention with these scores, fused and by hand, also in eval."""

    def check(edit: Edit, _broken: Broken) -> None:
        x = torch.randn(5, 12, generator=torch.Generator().manual_seed(1))
        for kind in (Inverted, InvertedByHand):
            with applied([edit]) as session:
                torch.manual_seed(0)
                model = kind()
                made = model(x)
                with torch.no_grad():
                    also = model.eval()(x)
            q, k, v = model.parts(x)
            if normed:
                q, k = (z / z.square().mean(-1, keepdim=True).sqrt() for z in (q, k))
            scores = q @ k.transpose(-1, -2) * scale
            if most:
                scores = most * torch.tanh(scores / most)
            if kind is InvertedByHand:
                scores = scores.masked_fill(torch.ones(12, 12).triu(1).bool(), -torch.inf)
            wanted = model.head((scores.softmax(-1) @ v).mean(2).flatten(1)).detach()
            assert close(made.detach(), wanted, 1e-4)
            assert close(also, wanted, 1e-4)
            assert not close(model(x).detach(), wanted, 1e-2)
            assert session.done

    return check


def balanced(edit: Edit, broken: Broken) -> None:
    """Every expert learns, and the weights are the router's own probabilities."""
    moved: list[int] = []
    for made in (live(broken, [], 60), live(broken, [edit], 60)):
        change = made.first["up"] - made.weights["up"]
        moved.append(int((change.flatten(1).abs().amax(1) > 0).sum()))
    assert moved[0] < 3
    assert moved[1] == 6
    torch.manual_seed(0)
    model, x = Starved(), torch.randn(64, 12)
    with applied([edit]):
        weights, _ = model.choose(x)
        first = model(x)
    p = model.router(x).softmax(-1)
    assert close(weights.detach(), p.amax(-1, keepdim=True).detach())
    assert close(first.detach(), model(x).detach())  # the bias begins at zero


def words_only(edit: Edit, _broken: Broken) -> None:
    with applied([edit]) as session:
        pass
    assert session.done == []
    assert "advice" in session.missed[0]


# ------------------------------------------------------------------ the rows


@dataclass(frozen=True)
class Row:
    """On which broken training, for which code, and what is measured of the laid edit."""

    broken: str
    code: str
    check: Callable[[Edit, Broken], None]


ROWS = {
    "lower-learning-rate": Row("rate", "ACT605", times(0.1)),
    "cap-learning-rate": Row("spike", "ACT605", capped),
    "raise-learning-rate": Row("slow", "ACT606", raised),
    "warm-up-learning-rate": Row("rate", "ACT605", warms),
    "decay-learning-rate": Row("rate", "ACT605", decays),
    "lower-weight-decay": Row("decayed", "ACT608", decay_lowered),
    "spare-from-decay": Row("decayed", "ACT608", spared),
    "clip-gradient": Row("blown", "ACT602", clipped),
    "clear-gradients": Row("uncleared", "ACT901", cleared),
    "usual-eps": Row("large-eps", "ACT908", eps_usual),
    "skip-broken-steps": Row("underflow", "ACT604", skipped),
    "adaptive-optimiser": Row("slow", "ACT606", adaptive),
    "matching-init": Row("narrow", "ACT301", spread_of(lambda m: (2 / m.in_features) ** 0.5)),
    "he-init": Row("narrow", "ACT301", spread_of(lambda m: (2 / m.in_features) ** 0.5)),
    "xavier-init": Row(
        "wide", "ACT501", spread_of(lambda m: (2 / (m.in_features + m.out_features)) ** 0.5)
    ),
    "siren-init": Row("wrapped", "ACT304", spread_of(lambda m: (2 / m.in_features) ** 0.5 / 30)),
    "lecun-init": Row("wide", "ACT501", spread_of(by_gain)),
    "rescale-init": Row("narrow", "ACT301", rescaled),
    "zero-bias": Row("born-dead", "ACT303", biases(0.0)),
    "zero-raw-bias": Row("bare", "ACT303", drowning_zeroed),
    "positive-bias": Row("born-dead", "ACT303", biases(0.1)),
    "keep-state": Row("forgetful", "ACT609", kept),
    "straight-through": Row("signed", "ACT104", straightened),
    "scale-scores": Row("inverted", "ACT503", scores_are(0.25)),
    "normalise-query-and-key": Row("inverted", "ACT503", scores_are(0.25, normed=True)),
    "cap-scores": Row("inverted", "ACT503", scores_are(Inverted.scale, most=50.0)),
    "balance-router": Row("starved", "ACT406", balanced),
    "open-gate": Row("shut", "ACT502", opened),
    "margin-bias": Row("born-dead", "ACT303", fires),
    "recycle-dead-units": Row("born-dead", "ACT401", recycles),
    "swap-act": Row("born-dead", "ACT401", swapped),
    "insert-act": Row("straight", "ACT101", inserted_act),
    "insert-norm": Row("deep", "ACT601", inserted_norm),
    "standardise-inputs": Row("shifted", "ACT701", standardised),
    "fold-input-mean": Row("shifted", "ACT701", folded),
    "drop-act": Row("rectified", "ACT203", unrectified),
    "drop-idle-act": Row("idle", "ACT103", idle_dropped),
    "exact-act": Row("wide", "ACT801", exactly),
    "logits-to-criterion": Row("softmax", "ACT201", loss_is(F.cross_entropy)),
    "log-probabilities": Row("raw", "ACT203", loss_is(F.cross_entropy)),
    "sigmoid-for-softmax": Row("one-unit", "ACT203", one_sigmoid),
    "class-axis": Row("axis", "ACT205", over_classes),
    "stretch-head": Row("bounded", "ACT204", stretched),
    "scale-logits": Row("cosines", "ACT207", loss_is(lambda out, y: F.cross_entropy(4.3 * out, y))),
    "match-shapes": Row("spread", "ACT206", loss_is(lambda out, y: F.mse_loss(out.squeeze(-1), y))),
    "adopt-parameters": Row("forgotten", "ACT903", adopted),
    "stable-log": Row("underflow", "ACT604", stable),
    "add-residual-connections": Row("deep", "ACT601", words_only),
    "fitting-criterion": Row("spread", "ACT206", words_only),
    "keep-numbers-finite": Row("underflow", "ACT604", words_only),
    "shuffle-and-enlarge-batches": Row("", "ACT607", words_only),
    "free-the-gate": Row("", "ACT502", words_only),
    "free-the-layer": Row("forgotten", "ACT903", words_only),
    "leave-it": Row("", "ACT404", words_only),
    "mend-the-program": Row("", "ACT906", words_only),
    "record-longer": Row("", "ACT001", words_only),
}


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Diagnosis, Trace]]:
    folder, known = tmp_path_factory.mktemp("runs"), dict[str, tuple[Diagnosis, Trace]]()

    def get(name: str) -> tuple[Diagnosis, Trace]:
        if name not in known:
            known[name] = BROKEN[name].recorded(folder / f"{name}.sqlite")
        return known[name]

    return get


def test_every_fix_has_its_row() -> None:
    assert sorted(ROWS) == sorted(FIXES)


def proposed(name: str, records: Any) -> Edit:
    """The first edit of this fix on the ladder of the row's finding."""
    row = ROWS[name]
    if not row.broken:
        finding = Finding(row.code, "x", Severity.WARNING, "act1", (0, 1), "", Evidence("s", 0.1))
        return next(
            iter(
                FIXES[name].propose(
                    finding, Diagnosis((), (), (), Outcome("stalled", "")), Trace({})
                )
            )
        )
    diagnosis, trace = records(row.broken)
    findings = [finding for finding in diagnosis.findings if finding.code == row.code]
    assert findings, f"{row.broken} is not diagnosed as {row.code}"
    edits = [edit for finding in findings for edit in ladder(finding, diagnosis, trace)]
    mine = [edit for edit in edits if edit.fix == name]
    assert mine, f"not on the ladder: {[edit.fix for edit in edits]}"
    return mine[0]


@pytest.mark.parametrize("name", sorted(ROWS))
def test_it_is_proposed_and_does_what_it_says(name: str, records: Any) -> None:
    edit = proposed(name, records)
    assert edit.text
    json.dumps([dict(edit.options), edit.sites])
    ROWS[name].check(edit, BROKEN.get(ROWS[name].broken, Broken()))


GLOBAL = ("_global_forward_pre_hooks", "_global_forward_hooks", "_global_backward_hooks")


@dataclass
class World:
    """What an edit could leave behind in torch and in a model."""

    torch: list[Any]
    parts: list[tuple[str, type]]
    hooks: list[int]
    keys: list[str]

    @classmethod
    def now(cls, model: nn.Module | None) -> "World":
        parts = [] if model is None else list(model.named_modules())
        tables = [t for n, t in vars(module_file).items() if n in GLOBAL]
        tables += [optimizer_file._global_optimizer_pre_hooks]
        tables += [optimizer_file._global_optimizer_post_hooks]
        of_torch = [nn.Module.__call__, torch.compile, torch.optim.Optimizer.__init__]
        every = [entry for _, part in parts for entry in vars(part).items()]
        hooks = [len(t) for n, t in every if "_hook" in n and isinstance(t, dict)]
        return cls(
            [*of_torch, *[len(table) for table in tables], torch._C._len_torch_function_stack()],
            [(path, type(part)) for path, part in parts],
            hooks,
            [] if model is None else list(model.state_dict()),
        )


class Stop(Exception):
    """The user's own error, in the middle of a training."""


LAID = sorted(name for name, fix in FIXES.items() if fix.safety is not Safety.ADVICE)


@pytest.mark.parametrize("how", ["ends", "fails"])
@pytest.mark.parametrize("name", LAID)
def test_nothing_of_it_stays(name: str, how: str, records: Any) -> None:
    edit = proposed(name, records)
    broken = BROKEN[ROWS[name].broken]
    torch.manual_seed(0)
    model = broken.model()
    fresh = replace(broken, model=lambda: model)
    given: list[torch.optim.Optimizer] = []

    def each(_model: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        if len(given) == 2 and how == "fails":
            raise Stop
        given.append(optimiser)

    before = World.now(model)
    with applied([edit]), suppress(Stop):
        fresh.train(30 if name == "recycle-dead-units" else 3, each=each)
    assert World.now(model) == before
    every = {id(p) for p in model.parameters()}
    for group in given[-1].param_groups:
        assert {id(p) for p in group["params"]} <= every
    fresh.train(1)  # and it still trains


@pytest.mark.parametrize("name", LAID)
def test_an_error_in_it_is_not_the_users(name: str, records: Any) -> None:
    """Each of its actions raises: the run is, bit for bit, the one without the edit."""
    edit, broken = proposed(name, records), BROKEN[ROWS[name].broken]

    def fails(*_args: Any) -> Any:
        raise ZeroDivisionError("ours")

    session = EditSession()
    with session.job(edit):
        fix_called(edit.fix).apply(edit, session)
    for stepping in session._step_edits:
        stepping.before = stepping.before and fails
        stepping.after = stepping.after and fails
    for starting in session._start_edits:
        starting.action = fails
    for making in session._making_edits:
        making.action = fails
    for function, handlers in session._calls._table.items():
        session._calls._table[function] = [(job, fails) for job, _ in handlers]
    session.open()
    try:
        treated = broken.train(3)
    finally:
        session.close()
    for one, other in zip(treated.parameters(), broken.train(3).parameters(), strict=True):
        assert torch.equal(one, other) or bool(one.isnan().any())
    assert session.done == []
    assert "ZeroDivisionError: ours" in session.missed[0]


@pytest.mark.parametrize("name", LAID)
def test_it_moves_no_random_state(name: str, records: Any) -> None:
    edit, broken = proposed(name, records), BROKEN[ROWS[name].broken]
    states: list[tuple[Any, ...]] = []
    make = broken.model
    noisy = replace(broken, model=lambda: nn.Sequential(make(), Noise()))
    edit = replace(edit, sites=tuple(f"0.{site}" if site else site for site in edit.sites))
    for edits in ([], [edit]):
        random.seed(0)
        np.random.seed(0)
        with applied(edits):
            noisy.train(2)
        states.append((torch.get_rng_state().tolist(), random.getstate(), np.random.rand()))
    assert states[0] == states[1]


class Noise(nn.Module):
    """Draws from three sources in its forward."""

    def forward(self, x: Tensor) -> Tensor:
        return x * (1 + 1e-9 * random.random() * np.random.rand() * torch.rand(()))


# ------------------------------------------------------------------ pages and ladders


@pytest.mark.parametrize("name", sorted(FIXES))
def test_its_page_has_every_section(name: str) -> None:
    page = fix_pages()[name]
    assert page == FIXES[name].page.strip()
    heads = [line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")]
    assert heads == list(fix_file.SECTIONS)
    parts = [part.strip() for part in page.split("## ")[1:]]
    assert all(len(part.splitlines()) > 1 and part.splitlines()[1].strip() for part in parts)
    kind = page.split("## What it changes (safety)")[1].strip().split()[0].strip(".:")
    assert kind == FIXES[name].safety.name


def test_every_rule_has_a_rung() -> None:
    codes = {code for fix in FIXES.values() for code in fix.rungs}
    rules = {rule.code for rule in all_rules()}
    assert codes <= rules
    assert rules - codes == set()


# the rungs of some rules in their order (docs/fixes.md); further fixes may stand between them
ORDERS = {
    "ACT401": [
        "lower-learning-rate", "margin-bias", "recycle-dead-units", "swap-act", "insert-norm",
        "positive-bias",
    ],
    "ACT501": ["standardise-inputs", "matching-init", "rescale-init", "insert-norm", "swap-act"],
    "ACT601": [
        "matching-init", "swap-act", "insert-norm", "add-residual-connections",
        "adaptive-optimiser",
    ],
    "ACT602": ["matching-init", "lower-learning-rate", "clip-gradient"],
    "ACT604": ["stable-log", "skip-broken-steps", "matching-init", "lower-learning-rate"],
    "ACT701": ["standardise-inputs", "fold-input-mean"],
    "ACT101": ["insert-act"],
    "ACT502": ["open-gate", "zero-bias", "matching-init", "free-the-gate"],
    "ACT303": ["margin-bias", "zero-bias", "recycle-dead-units", "positive-bias"],
}  # fmt: skip


@pytest.mark.parametrize("code", sorted(ORDERS))
def test_the_rungs_stand_in_order(code: str) -> None:
    rungs = [FIXES[name].rungs[code] for name in ORDERS[code]]
    assert rungs == sorted(rungs)
    assert len(set(rungs)) == len(rungs)


def test_a_ladder_ends_in_advice(records: Any) -> None:
    diagnosis, trace = records("deep")
    finding = next(f for f in diagnosis.findings if f.code == "ACT601")
    kinds = [FIXES[edit.fix].safety is Safety.ADVICE for edit in ladder(finding, diagnosis, trace)]
    assert kinds == sorted(kinds)
    assert any(kinds)


def test_pages_are_read_without_torch() -> None:
    code = (
        "import sys; from relume.registry import pages; found = pages('relume.fixes');"
        "assert 'lower_learning_rate' in found; assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
