"""Every lesson in a real browser: its numbers against Python's, its controls, handles and names."""

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from states import link, states

from relume.acts.act import shipped
from relume.acts.wide_precision import evaluate
from relume.atlas.figure import Figure
from relume.atlas.lesson import lessons
from relume.atlas.site_builder import page_figures

BOOK = {one.text.claim: one for one in lessons()}
CLOSE = {"fit": 1e-6, "boundary": 1e-6}
"""Relative; both train, where a difference in the last place grows. Everything else is at 1e-9."""

NOTHING = 1e-13
"""Below this a number is rounding, as the bend of a line is."""

TRY = """async ([letter, links]) => {
  const slot = document.querySelector(`[data-figure="${letter}"]`);
  const found = [];
  for (const link of links) {
    history.replaceState(null, "", `#${link}`);
    dispatchEvent(new HashChangeEvent("hashchange"));
    const outputs = [...slot.querySelectorAll("[data-reading]")];
    found.push([
      Object.fromEntries(outputs.map((o) => [o.dataset.reading, Number(o.dataset.value)])),
      slot.querySelector(".says").textContent,
    ]);
  }
  return found;
}"""


def alike(mine: float, theirs: float, close: float) -> bool:
    """Equal but for rounding; NaN is equal to NaN."""
    if math.isnan(mine) or math.isnan(theirs):
        return math.isnan(mine) and math.isnan(theirs)
    return math.isclose(mine, theirs, rel_tol=close, abs_tol=NOTHING)


def compare(figure: Figure, tried: list[Any], found: list[Any]) -> list[str]:
    """What differs between the browser and Python, a line each."""
    wrong: list[str] = []
    close = CLOSE.get(figure.kind, 1e-9)
    for state, (numbers, says) in zip(tried, found, strict=True):
        own = figure.readings(state)
        wrong += [
            f"{state}: {name} is {numbers[name]!r}, in Python {own[name]!r}"
            for name in figure.labels
            if not alike(own[name], numbers[name], close)
        ]
        said = figure.sentence(state)
        if figure.kind not in CLOSE and says != said:
            wrong.append(f"{state}: says {says!r}, in Python {said!r}")
    return wrong


@pytest.mark.parametrize("claim", BOOK)
def test_a_lesson_moves_by_pythons_formulas(claim: str, page: Any, atlas: Path) -> None:
    """Every state that is tried gives Python's numbers and words; then keys, pointer and names."""
    page.complaints.clear()
    page.goto((atlas / BOOK[claim].text.file).as_uri())
    moving, measured = page_figures(BOOK[claim])
    wrong: list[str] = []
    for letter, figure in {**moving, **measured}.items():
        tried = states(figure)
        found = page.evaluate(TRY, [letter, [link(letter, state) for state in tried]])
        wrong += compare(figure, tried, found)
    assert wrong == []
    for slot in page.query_selector_all("[data-figure]"):
        sliders(page, slot)
        choices(page, slot)
        handles(page, slot)
        presets(page, slot)
    named(page)
    assert overflow(page) == 0
    assert page.complaints == []


def overflow(page: Any) -> int:
    """How much wider than a phone the page is."""
    page.set_viewport_size({"width": 390, "height": 844})
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    page.set_viewport_size({"width": 1440, "height": 1000})
    return wide


def test_a_wrong_formula_is_seen(page: Any, atlas: Path) -> None:
    """The broken twin: Python's readings of another act are not the browser's."""
    figure = page_figures(BOOK["F1"])[0]["a"]
    page.goto((atlas / BOOK["F1"].text.file).as_uri())
    tried = states(figure)
    found = page.evaluate(TRY, ["a", [link("a", state) for state in tried]])
    found[0][0]["slope"] *= 1 + 1e-8
    assert len(compare(figure, tried, found)) == 1


def sliders(page: Any, slot: Any) -> None:
    letter = slot.get_attribute("data-figure")
    moved: list[str] = []
    for one in slot.query_selector_all("input[type=range]"):
        before, most = float(one.input_value()), float(one.get_attribute("max"))
        one.focus()
        page.keyboard.press("ArrowLeft" if before >= most else "ArrowRight")
        after = float(one.input_value())
        assert after != before
        moved.append(f"{letter}.{one.get_attribute('data-control')}=")
        assert one.get_attribute("aria-valuetext"), moved
    told = "names => names.every((name) => location.hash.includes(name))"
    page.wait_for_function(told, arg=moved)  # the address follows in a moment


def choices(page: Any, slot: Any) -> None:
    for group in slot.query_selector_all("fieldset"):
        first = group.query_selector("input:checked")
        first.focus()
        page.keyboard.press("ArrowRight")
        now = group.query_selector("input:checked")
        assert now.get_attribute("value") != first.get_attribute("value")


def handles(page: Any, slot: Any) -> None:
    """Whatever can be dragged answers to the arrow keys, and to the pointer."""
    for handle in slot.query_selector_all(".stage-handle"):
        for by_hand in (False, True):
            handle.focus()
            before = handle.get_attribute("aria-valuetext")
            if by_hand:
                dragged(page, handle)
            else:
                page.keyboard.press("ArrowRight")
            if handle.get_attribute("aria-valuetext") == before:  # it stood at its end
                page.keyboard.press("ArrowLeft")
            assert handle.get_attribute("aria-valuetext") != before
            assert page.evaluate("document.activeElement.className").startswith("stage-handle")


def dragged(page: Any, handle: Any) -> None:
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 40, y + 25, steps=3)
    page.mouse.up()


def presets(page: Any, slot: Any) -> None:
    """A preset and the way back to the start; a figure says its state in words each time."""
    for button in slot.query_selector_all(".preset")[-2:]:
        button.click()
        assert slot.query_selector(".says").text_content()
    slot.query_selector('button:text-is("As at the start")').click()
    start = f"#{slot.get_attribute('data-figure')}."
    page.wait_for_function(
        "start => !location.hash.replaceAll('&', '#').includes(start)", arg=start
    )
    table = slot.query_selector('button:text-is("Show as table")')
    table.click()
    assert len(slot.query_selector_all("table tr")) > 2


def named(page: Any) -> None:
    """The accessibility tree: everything that can be worked or seen has a name."""
    tree = page.locator("main").aria_snapshot()
    roles = "slider|button|radio|combobox|img|figure|heading|link"
    bare = re.findall(rf"- (?:{roles})(?=\s|:|$)(?! \")", tree)
    assert bare == [], tree
    assert tree.count("- slider ") >= len(page.query_selector_all("input[type=range]"))
    assert "- heading" in tree


def test_a_link_opens_the_state_and_survives_a_bad_one(page: Any, atlas: Path) -> None:
    page.complaints.clear()
    address = (atlas / BOOK["F1"].text.file).as_uri()
    page.goto("about:blank")
    page.goto(f"{address}#a.act=tanh&a.z=-3")
    output = '[data-figure="a"] [data-reading="value"]'
    assert abs(float(page.get_attribute(output, "data-value")) - math.tanh(-3)) < 1e-15
    assert page.locator('[data-control="z"]').input_value() == "-3"
    page.goto("about:blank")
    page.goto(f"{address}#a.act=%3Cscript%3E&a.z=1e9&a.sigma=x&b.q=1&a.z")
    assert float(page.get_attribute(output, "data-value")) == pytest.approx(1 / (1 + math.exp(-5)))
    assert page.complaints == []


def test_training_runs_at_a_button(page: Any, atlas: Path) -> None:
    page.goto((atlas / BOOK["W2"].text.file).as_uri())
    page.locator('[data-control="steps"]').fill("0")
    page.click("text=Train from the start")  # with reduced motion it jumps to the end
    assert page.locator('[data-control="steps"]').input_value() == "600"


def test_every_page_of_the_appendix_opens(page: Any, atlas: Path) -> None:
    page.complaints.clear()
    for path in (atlas / "index.html", *sorted(atlas.glob("*/gelu.html"))):
        page.goto(path.as_uri())
        assert page.locator(".figure-slot svg").count() >= 1
    for kind in ("rules", "fixes"):
        page.goto(next(iter(sorted((atlas / kind).glob("*.html")))).as_uri())
        assert page.locator("h2").count() >= 3
    assert page.complaints == []


def test_the_acts_of_the_page_are_pythons(page: Any, atlas: Path) -> None:
    """Value and slope of every act over all magnitudes, relative to 1e-9."""
    page.goto((atlas / "index.html").as_uri())
    zs = [0.0, *(s * 10.0**k for k in range(-300, 301, 4) for s in (-1, 1))]
    zs += [i / 16 for i in range(-800, 801)]
    z = torch.tensor(zs, dtype=torch.float64)
    drawn = set(page.evaluate("relume.acts().names"))
    assert drawn <= set(shipped())
    assert len(drawn) >= 28
    wrong: list[str] = []
    for name in sorted(drawn):
        act = shipped()[name]
        theirs = page.evaluate(f"relume.acts().at({json.dumps(name)}, {json.dumps(zs)})")
        mine = (evaluate(act.value, z, act.defaults, wide=True), act.exact_slope(z))
        for kind, a, b in zip(("value", "slope"), mine, theirs, strict=True):
            for at, one, two in zip(zs, a.tolist(), b, strict=True):
                if not (one == two or math.isclose(one, two, rel_tol=1e-9, abs_tol=1e-290)):
                    wrong.append(f"{name} {kind} at {at}: {two!r}, in Python {one!r}")
    assert wrong == []


def test_text_stands_in_the_page_without_scripts(chromium: Any, atlas: Path) -> None:
    context = chromium.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto((atlas / BOOK["P2"].text.file).as_uri())
    assert "Early layers stand still" in plain.inner_text(".says >> nth=0")
    assert "Not because" in plain.inner_text(".correction")
    context.close()
