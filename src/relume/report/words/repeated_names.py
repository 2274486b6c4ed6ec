"""Folds names that differ in one number: sixty blocks are one name with a range."""

import re
from collections.abc import Sequence

from relume.report.words.sanitise import join_names

LEAST = 4
"""Names that are folded into one: fewer are read faster one by one."""
_NUMBER = re.compile(r"([0-9]{1,6})")


def fold_names(names: Sequence[str]) -> list[str]:
    """Return the names in their order, those that differ in one number as one with its ranges.

    >>> fold_names(["stem", *(f"blocks.{i}.act" for i in (0, 1, 2, 3, 7)), "head"])
    ['stem', 'blocks.{0-3,7}.act (5)', 'head']
    """
    families: dict[tuple[int, tuple[str, ...]], dict[int, str]] = {}
    keys: dict[str, list[tuple[int, tuple[str, ...]]]] = {}
    for name in names:
        parts = _NUMBER.split(name)
        for at in range(1, len(parts), 2):
            key = (at, (*parts[:at], "", *parts[at + 1 :]))
            families.setdefault(key, {})[int(parts[at])] = name
            keys.setdefault(name, []).append(key)
    folded: list[str] = []
    done: set[str] = set()
    for name in names:
        if name in done:
            continue
        nothing: dict[int, str] = {}
        family = max((families[key] for key in keys.get(name, ())), key=len, default=nothing)
        members = {at: each for at, each in family.items() if each not in done}
        if len(members) < LEAST:
            folded.append(name)
            done.add(name)
            continue
        key = next(key for key in keys[name] if families[key] is family)
        parts = list(key[1])
        parts[key[0]] = f"{{{_ranges(sorted(members))}}}"
        folded.append(f"{''.join(parts)} ({len(members)})")
        done.update(members.values())
    return folded


def join_sites(names: Sequence[str], most: int = 6) -> str:
    """Return names of sites with commas, folded first; the ones beyond `most` as a number.

    >>> join_sites([f"blocks.{i}.act" for i in range(60)])
    'blocks.{0-59}.act (60)'
    """
    return join_names(fold_names(names), most)


def _ranges(numbers: Sequence[int]) -> str:
    """Return ascending numbers as ranges: ``0-3,7``; of many ranges the first and the last.

    >>> _ranges([0, 1, 2, 3, 7]), _ranges([0, 2, 4, 6, 8, 10])
    ('0-3,7', '0,2,4 .. 10')
    """
    found: list[list[int]] = []
    for each in numbers:
        if found and each == found[-1][1] + 1:
            found[-1][1] = each
        else:
            found.append([each, each])
    words = [str(a) if a == b else f"{a}-{b}" for a, b in found]
    return ",".join(words) if len(words) <= 4 else f"{','.join(words[:3])} .. {words[-1]}"
