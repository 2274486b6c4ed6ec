"""`relume run` on unchanged scripts of each framework: seen, not disturbed, and the broken twin
named with its root cause."""

from pathlib import Path

import pytest
from framework_rows import find_library

from twice import run_both

SCRIPTS = Path(__file__).parent / "scripts"
ROOTS = {
    "lightning": ("lightning", "ACT601", "net."),
    "trainer": ("transformers", "ACT605", ""),
    "keras": ("keras", "ACT201", "sequential.dense_2"),
    "skorch": ("skorch", "ACT201", "out"),
    "accelerate": ("accelerate", "ACT303", "3"),
}


@pytest.mark.parametrize("name", ROOTS)
def test_the_broken_script_is_named_and_computes_the_same(name: str) -> None:
    library, code, site = ROOTS[name]
    if find_library(library) is None:
        pytest.skip("install the dev extra to run this")
    ran = run_both(SCRIPTS / f"train_{name}.py", "--broken", every=2)
    assert losses(ran.recorded) == losses(ran.bare)
    assert ran.roots, ran.errors
    assert ran.roots[0]["code"] == code
    assert ran.roots[0]["site"].startswith(site)


@pytest.mark.slow
@pytest.mark.parametrize("name", ROOTS)
def test_the_healthy_script_is_left_alone(name: str) -> None:
    if find_library(ROOTS[name][0]) is None:
        pytest.skip("install the dev extra to run this")
    ran = run_both(SCRIPTS / f"train_{name}.py", every=2)
    assert losses(ran.recorded) == losses(ran.bare)
    assert ran.keys == []


def losses(text: str) -> list[str]:
    """The lines with results: the Trainer also prints how long it took."""
    found = [line for line in text.splitlines() if "loss " in line]
    assert found
    return found
