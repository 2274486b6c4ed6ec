"""The colours of the bundle, light and dark: enough contrast, and health told apart by any eye."""

import re
from itertools import combinations
from pathlib import Path

import pytest

TOKENS = Path(__file__).parent.parent.parent / "web" / "src" / "css" / "tokens.css"
TEXT, MARK = 4.5, 3.0  # contrast that WCAG 2.2 asks for: text (1.4.3), graphics (1.4.11)
HEALTH = ("fine", "note", "warning", "error")
# Viénot, Brettel and Mollon (1999): linear RGB as a dichromat sees it
SIGHT = {
    "protanope": ((0.11238, 0.88762, 0.0), (0.11238, 0.88762, 0.0), (0.00401, -0.00401, 1.0)),
    "deuteranope": ((0.29275, 0.70725, 0.0), (0.29275, 0.70725, 0.0), (-0.02234, 0.02234, 1.0)),
}


def schemes() -> dict[str, dict[str, str]]:
    """The tokens of every block of the file that defines colours."""
    text = TOKENS.read_text("utf-8")
    heads = {
        "light": ":root {",
        "dark": ':root:not([data-theme="light"]) {',
        "chosen dark": ':root[data-theme="dark"] {',
    }
    return {
        name: dict(re.findall(r"--([\w-]+): (#\w{6});", text.split(head)[1].split("}")[0]))
        for name, head in heads.items()
    }


def linear(color: str) -> tuple[float, float, float]:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return r, g, b


def contrast(one: str, two: str) -> float:
    light = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in map(linear, (one, two)))
    return (light[1] + 0.05) / (light[0] + 0.05)


def apart(one: str, two: str, sight: str) -> float:
    """How far two colours are for such an eye, 0 to 1, in roots of linear light."""
    seen = []
    for color in (one, two):
        rgb = linear(color)
        rows = SIGHT[sight]
        mixed = [max(0.0, sum(w * c for w, c in zip(row, rgb, strict=True))) for row in rows]
        seen.append([value ** (1 / 2.2) for value in mixed])
    return max(abs(a - b) for a, b in zip(*seen, strict=True))


@pytest.mark.parametrize("name", ["light", "dark", "chosen dark"])
def test_words_and_marks_stand_out(name: str) -> None:
    tokens = schemes()[name]
    for ground in ("ground", "surface"):
        for ink in ("ink", "ink-2", "ink-3", "accent", *HEALTH):
            assert contrast(tokens[ink], tokens[ground]) >= TEXT, (ink, ground)
        for mark in "abcdef":
            assert contrast(tokens[f"cat-{mark}"], tokens[ground]) >= MARK, (mark, ground)
    for tone in ("accent", *HEALTH):
        assert contrast(tokens[tone], tokens[f"{tone}-soft"]) >= TEXT, tone
        assert contrast(tokens["ink"], tokens[f"{tone}-soft"]) >= TEXT, tone


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("name", ["light", "dark"])
def test_fine_is_told_from_ill_without_red_and_green(name: str, sight: str) -> None:
    tokens = schemes()[name]
    for ill in ("warning", "error"):
        assert apart(tokens["fine"], tokens[ill], sight) > 0.2, ill
    for one, two in combinations("abcd", 2):
        assert apart(tokens[f"cat-{one}"], tokens[f"cat-{two}"], sight) > 0.1, (one, two)


def test_the_two_dark_blocks_are_one() -> None:
    found = schemes()
    assert found["dark"] == found["chosen dark"]
    assert set(found["light"]) == set(found["dark"])


def test_red_and_green_would_be_refused() -> None:
    assert apart("#c0392b", "#7a7a2b", "deuteranope") < 0.2
    assert contrast("#999999", "#ffffff") < MARK
