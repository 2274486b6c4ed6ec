"""Finds the first layer that is dead in a run file that is still written."""

from pathlib import Path

from relume.record.store import run_file
from relume.report.words.sanitise import name
from relume.rules.dead_layers import ERROR, steps_of_death
from relume.rules.series_tools import acts_of
from relume.rules.unit_windows import dead_units, portion


def first_death(path: Path) -> str:
    """Return a sentence on the first layer of which half the units are dead; empty where none is.

    It judges as the rules of dead units do. Unlike at the end of a run, too few samples are no
    evidence here: more of them are to come.
    """
    trace = run_file.read(path)
    for site in acts_of(trace):
        dead = dead_units(trace, site)
        if isinstance(dead, str) or not dead.enough or portion(dead.now) < ERROR:
            continue
        born = 2 * int(dead.born.sum()) > int(dead.now.sum())
        since = "the start" if born else f"about step {steps_of_death(trace, dead)[1]}"
        units = f"{int(dead.now.sum())} of the {len(dead.now)} units of {name(site.name)}"
        return f"{units} are dead since {since}"
    return ""
