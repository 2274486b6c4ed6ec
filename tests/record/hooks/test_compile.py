"""Compiled models: eager on recorded steps, compiled on all others, compiled no more often."""

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

import relume


def trained(steps: int, path: Path | None, *, late: bool = False, **options: object) -> int:
    """How many graphs were compiled in a training, which compiles under the watch if `late`."""
    import torch._dynamo as dynamo

    dynamo.reset()
    dynamo.utils.counters.clear()
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    call = torch.compile(model, backend="aot_eager")
    run = None if path is None else relume.watch(model, path=path, **options)  # type: ignore[arg-type]
    if late:
        call = torch.compile(model, backend="aot_eager")
    for _ in range(steps):
        loss = F.cross_entropy(call(torch.randn(16, 6)), torch.randint(0, 3, (16,)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if run is not None:
        run.close()
        assert run.problems == ()
    return int(dynamo.utils.counters["stats"]["unique_graphs"])


def test_nothing_is_compiled_again(tmp_path: Path) -> None:
    """Recorded steps between compiled ones: as many graphs as without relume."""
    plain = trained(60, None)
    assert plain == 1
    assert trained(60, tmp_path / "every.sqlite", every=7) == plain
    assert trained(60, tmp_path / "late.sqlite", every=7, late=True) == plain
    # under the hooks of a recorded step torch compiles once more, and keeps both
    assert trained(60, tmp_path / "exact.sqlite", every=7, exact=True) == plain + 1
    assert trained(60, tmp_path / "all.sqlite", every=1) == 0  # every step ran eagerly


def test_acts_are_seen_from_the_first_step(tmp_path: Path) -> None:
    for late in (False, True):
        path = tmp_path / f"{late}.sqlite"
        trained(20, path, every=5, late=late)
        trace = relume.load(path).trace()
        assert [site.name for site in trace.sites_of("act")] == ["1"]
        shares = trace.series("1", "zero_slope_share")
        assert shares is not None
        assert shares.steps.tolist() == [0, 5, 10, 15]
        assert trace.facts_of("opaque") == ()


def test_exact_leaves_compiled_regions_closed_and_says_so(tmp_path: Path) -> None:
    trained(20, tmp_path / "run.sqlite", every=5, exact=True)
    trace = relume.load(tmp_path / "run.sqlite").trace()
    assert [fact.data["operation"] for fact in trace.facts_of("opaque")] == ["CompiledFunction"]


def test_a_stance_of_the_users_stays(tmp_path: Path) -> None:
    from torch._dynamo import eval_frame

    torch.compiler.set_stance("eager_on_recompile")
    try:
        trained(12, tmp_path / "run.sqlite", every=1)
        assert eval_frame._stance.stance == "eager_on_recompile"
    finally:
        torch.compiler.set_stance("default")
