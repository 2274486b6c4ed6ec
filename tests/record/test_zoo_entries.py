"""Every entry of the zoo: the exact sites, what is said to be hidden, and no trace of recording."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from zoo_entries import ZOO
from zoo_kinds import Entry
from zoo_watch import STEPS, left_in_torch, plain, recorded

LEAST = STEPS - 3  # a scaler skips two; Keras' optimiser is waited for until the fourth backward


# torch's own LBFGS before 2.9 makes a number of the closure's loss; no other entry may warn of it
OLD_LBFGS = pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad")
NEW_JIT = pytest.mark.filterwarnings("ignore:.torch.jit.:FutureWarning")  # deprecated from 2.15 on
MARKS = {"LBFGS closure": OLD_LBFGS, "torch.jit.trace": NEW_JIT, "torch.jit.script": NEW_JIT}
ROWS = [pytest.param(name, marks=MARKS.get(name, ())) for name in ZOO]


@pytest.fixture(params=ROWS)
def entry(request: pytest.FixtureRequest) -> Entry:
    found = ZOO[request.param]
    if found.needs and find_spec(found.needs) is None:
        pytest.skip(f"install the dev extra to run this: there is no {found.needs}")
    return found


def test_sites_and_what_is_hidden(entry: Entry, tmp_path: Path) -> None:
    _, trace = recorded(entry, tmp_path / "run.sqlite")
    acts = trace.sites_of("act")
    found = [(s.name, s.act, s.layer, s.role) for s in acts]
    if entry.needs:  # whether attention is fused is the library's choice, by the torch it finds
        found = [one for one in found if one[3] != "attention" or one in entry.sites]
    assert found == entry.sites
    hidden = {(fact.site, fact.data["operation"]) for fact in trace.facts_of("opaque")}
    assert hidden == set(entry.opaque)
    for site in acts:
        if entry.lines:
            assert site.line, site
            file = Path(site.file)
            assert file.name.startswith("zoo_") or (entry.needs and entry.needs in file.parts), site
        if site.act == "softmax":  # which has no slope of one element
            continue
        shares = trace.series(site.name, "zero_slope_share")
        assert shares is not None
        assert len(shares) >= LEAST, site
        gradient = trace.series(site.name, "grad_pre_rms")
        assert (gradient is None) == (site.name in entry.blind), site
        assert gradient is None or len(gradient) >= LEAST, site
    assert left_in_torch() == []


@pytest.mark.parametrize("options", [{"every": 1}, {"budget": 0.01}], ids=["every step", "budget"])
def test_no_bit_is_changed(entry: Entry, options: dict[str, Any], tmp_path: Path) -> None:
    watched, _ = recorded(entry, tmp_path / "run.sqlite", **options, **entry.exactly)
    assert watched == plain(entry)


@pytest.mark.slow
def test_no_bit_is_changed_over_200_steps(entry: Entry, tmp_path: Path) -> None:
    watched, _ = recorded(entry, tmp_path / "run.sqlite", 200, **entry.exactly)
    assert watched == plain(entry, 200)


@pytest.mark.parametrize("name", ["checkpoint", "checkpoint, reentrant", "save_on_cpu"])
def test_what_is_computed_again_is_counted_once(name: str, tmp_path: Path) -> None:
    _, trace = recorded(ZOO[name], tmp_path / "run.sqlite")
    for site in trace.sites_of("act"):
        windows = trace.windows(site.name)
        assert sum(w.records for w in windows) == STEPS, site
        assert sum(w.samples for w in windows) == 16 * STEPS, site
