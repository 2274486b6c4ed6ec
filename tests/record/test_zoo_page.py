"""docs/zoo.md is made by its command: it names every entry and every fault, and no others."""

import re
from pathlib import Path

import pytest
import zoo_table
from store_training import FAULTS
from test_no_trace import MORE, TARGETS
from zoo_entries import GROUPS, ZOO
from zoo_kinds import Entry
from zoo_table import PAGE, replaced, row


def cells(name: str) -> list[list[str]]:
    text = PAGE.read_text("utf-8").partition(zoo_table.BEGIN.format(name))[2]
    lines = text.partition(zoo_table.END)[0].strip().splitlines()[2:]
    return [[c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_the_page_names_exactly_the_entries() -> None:
    rows = [r for r in cells("zoo") if not r[0].startswith("**")]
    assert [r[0].strip("`") for r in rows] == list(ZOO)
    titles = [r[0] for r in cells("zoo") if r[0].startswith("**")]
    assert titles == [f"**{title}** ({len(group)})" for title, group in GROUPS.items()]
    for told, entry in zip(rows, ZOO.values(), strict=True):
        assert told[1] == zoo_table.places(entry.sites)
        assert told[2] == f"{len(entry.sites)} of {len(entry.sites)}"
        assert told[5].startswith("yes"), told


def test_the_page_names_exactly_the_faults() -> None:
    rows = cells("faults")
    assert len(rows) == len(FAULTS) + len(TARGETS) + len(MORE)
    assert [r[0] for r in rows[: len(FAULTS)]] == [f"run file: {name}" for name in FAULTS]
    for told in rows:
        assert told[2:] == ["yes", "nothing"], told
        assert "**" not in told[1], "a failure of ours that nobody is told of"


@pytest.mark.parametrize("wrong", ["a site too many", "another layer"])
def test_a_row_shows_what_is_wrong(wrong: str, tmp_path: Path) -> None:
    """The twin: an entry whose sites are not those that are there."""
    entry = ZOO["F.relu"]
    name, act, _, role = entry.sites[0]
    sites = [(name, act, "fc2", role)] if wrong == "another layer" else [*entry.sites] * 2
    assert "**" not in row("x", entry, 2, tmp_path)[2]
    assert "**" in row("y", Entry(entry.build, sites), 2, tmp_path)[2]


def test_only_what_is_between_the_marks_is_replaced() -> None:
    begin = zoo_table.BEGIN.format("zoo")
    page = f"before\n{begin}\nold\n{zoo_table.END}\nafter\n"
    assert replaced(page, "zoo", "new") == page.replace("old", "new")
