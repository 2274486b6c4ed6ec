"""Cards in the terminal, as plots and as SVG: nothing lost, nothing wider, names are data."""

import io
import math
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest
from rich.console import Console

from relume.core import Card, Curve, Measured
from relume.errors import UsageError
from relume.report.act_chart_svg import svg
from relume.report.card_output import card_order, split_acts, text
from relume.report.machine.list_rows import ActRow
from relume.report.terminal.act_list import act_table
from relume.report.terminal.card_comparison import compare
from relume.report.terminal.card_summary import FIRST, best, value
from relume.report.terminal.card_text import render
from relume.report.terminal.text_plot import plot

WIDTHS = (30, 60, 80, 100, 160)
HOSTILE = {
    "markup": "[red]x[/red][/]",
    "ansi": "a\x1b[31m\x07",
    "xml": "<script>alert(1)</script>&\"'",
    "bidi": "a\u202eb",
    "newline": "a\nb\u2028c",
    "surrogate": "a\udc80",
    "nul": "a\x00b\ufffe",
    "long": "name" * 900,
}


def made(act: str = "gelu", **measured: Measured) -> Card:
    z = tuple(i / 10 for i in range(-60, 61))
    rows = {
        "mean": Measured(0.28209479, 1e-15, "a note on it", unit="", group="Signal", method="By."),
        "dead": Measured(0.25, 0.01, group="Flat", better="low", unit="share", method="Sim."),
        "slope": Measured(None, note="it works on a whole axis", group="Shape", method="Max."),
        "top": Measured(math.inf, note="unbounded", group="Shape", method="Grid."),
        "zeros": Measured("z = 0", group="Shape", method="Halving."),
        "fits": Measured(True, group="Shape", method="Integral."),
        "time": Measured(
            2.0, 0.1, unit="ns", group="Cost", better="low", details={"ratio_relu": 1.5}
        ),
        **measured,
    }
    named = {key: replace(one, name=key, title=f"Title of {key}") for key, one in rows.items()}
    return Card(
        act=act,
        family="smooth",
        formula="z Phi(z)",
        year=2016,
        reference="Hendrycks & Gimpel, 2016",
        kink="",
        parameters={"approximate": "none"},
        learnable=(),
        matches=("torch.nn.GELU",),
        machine={"cpu": "a processor", "threads": 2, "system": "Linux"},
        torch="2.13.0",
        relume="0.1.0",
        measured=named,
        curve=Curve(z, tuple(max(0.0, x) for x in z), tuple(float(x > 0) for x in z)),
    )


def shown(draw: object, *args: object, width: int = 100, **more: object) -> str:
    stream = io.StringIO()
    draw(*args, Console(file=stream, width=width, color_system=None), **more)  # type: ignore[operator]
    return stream.getvalue()


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_lost_and_nothing_is_wider(width: int) -> None:
    page = shown(render, [made()], width=width, verbose=True, methods=True)
    assert max(map(len, page.splitlines())) <= width
    words = " ".join(page.split())
    for one in made().measured.values():
        assert one.title in words
        assert one.note in words
        assert one.value is None or one.method in words
    assert "Hendrycks & Gimpel, 2016" in words
    assert "torch 2.13.0" in words


@pytest.mark.parametrize("width", WIDTHS)
def test_side_by_side_fits_any_width(width: int) -> None:
    cards = [made(name) for name in ("one", "two", "three", "four", "five")]
    page = shown(compare, cards, width=width, verbose=True)
    assert max(map(len, page.splitlines())) <= max(width, 40)
    assert all(card.act in page for card in cards)


def test_the_best_of_a_row_is_marked_where_better_has_a_meaning() -> None:
    good = made("good", dead=Measured(0.1, group="Flat", better="low"))
    page = shown(compare, [made("bad"), good], plots=False, verbose=True)
    lines = {line.strip()[:14]: line for line in page.splitlines()}
    assert lines["Title of dead "].split()[-3:] == ["0.25", "0.1", "✓"]
    assert "✓" not in lines["Title of mean "]
    assert "✓" not in lines["Title of time "]  # equal: none is better


def test_best_of_a_row() -> None:
    low = Measured(1.0, better="low")
    assert best([low, replace(low, value=2.0), None]) == 1.0
    assert best([low, replace(low, value=1.0)]) is None
    assert best([replace(low, better="high"), replace(low, value=2.0, better="high")]) == 2.0
    assert best([replace(low, better=""), replace(low, value=2.0, better="")]) is None
    assert best([replace(low, value=None), None]) is None


def test_no_best_where_intervals_overlap_or_the_machine_was_busy() -> None:
    one, two = Measured(1.0, 0.1, better="low"), Measured(1.15, 0.1, better="low")
    assert best([one, two]) is None
    assert best([one, replace(two, value=1.25)]) == 1.0
    assert best([one, replace(two, value=1.25), replace(two, value=1.1)]) is None
    assert best([one, replace(two, value=9.0, details={"busy": True})]) is None


def timed(ratio: float, low: float, high: float, **more: object) -> Measured:
    details = {"ratio_relu": ratio, "ratio_relu_low": low, "ratio_relu_high": high, **more}
    return Measured(0.2, 0.1, unit="ns/element", group="Cost", better="low", details=details)


def test_a_times_interval_stands_beside_it_and_relu_beats_nobody_by_noise() -> None:
    near = made("near", time=timed(1.01, 0.97, 1.03))
    far = made("far", time=timed(2.28, 2.2, 2.4))
    relu = made("relu", time=timed(1.0, 1.0, 1.0))

    def row(*cards: Card) -> str:
        page = shown(compare, cards, plots=False, verbose=True)
        return next(line for line in page.splitlines() if "Title of time" in line)

    assert row(relu, far).split()[-5:] == ["1", "✓", "2.28", "±", "0.1"]
    assert "✓" not in row(relu, near)
    assert "✓" not in row(relu, near, far)
    assert row(relu, made("busy", time=timed(9.0, 2.0, 30.0, busy=True))).split()[-1] == "busy"


def test_ten_rows_come_first_and_three_acts_fit_80_columns() -> None:
    joined = ("range", "saturation")
    rows = {k: Measured(0.1, group="Any") for k in FIRST if k not in joined}
    ends = {"range_low": -1.0, "range_high": 1.0, "saturation_low": "none", "saturation_high": 2.2}
    rows |= {key: Measured(end, group="Any") for key, end in ends.items()}
    cards = [made(name, **rows) for name in ("one", "two", "three")]
    page = shown(compare, cards, plots=False, width=80)
    lines = [line for line in page.splitlines() if line.strip()]
    assert max(map(len, lines)) <= 80
    assert sum("one" in line for line in lines) == 1  # one table
    assert "-1 to 1" in page
    assert "above 2.2" in page
    assert len(lines) - 4 == len(FIRST) == 10  # less the heads and the foot of two lines
    assert "Title of mean" not in shown(render, cards)
    assert "Title of mean" in shown(render, cards, verbose=True)


def test_times_are_compared_by_their_ratio_to_relu() -> None:
    """Cards are made at different times: nanoseconds of one are not those of another."""
    busy = made("busy", time=Measured(90.0, unit="ns", group="Cost", details={"ratio_relu": 1.2}))
    page = shown(compare, [made("calm"), busy], plots=False, verbose=True)
    line = next(line for line in page.splitlines() if "Title of time" in line)
    assert "× ReLU" in line
    assert line.split()[-2:] != ["2", "90"]
    assert "1.2" in line


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (Measured(0.39894228, 1e-15), "0.39894 ± 1e-15"),
        (Measured(12345.0, unit="ULP"), "12,345 ULP"),
        (Measured(-math.inf), "−∞"),
        (Measured(True), "yes"),
        (Measured(False), "no"),
        (Measured(3), "3"),
        (Measured(0.0, 0.0, unit="B/element"), "0 B/element"),
        (Measured(766.8, 30.0, unit="ns"), "766.8 ± 30 ns"),
        (Measured("z ≤ 0"), "z ≤ 0"),
        (Measured(None), "not measured"),
    ],
)
def test_a_value_in_words(one: Measured, words: str) -> None:
    assert value(one) == words


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("width", [60, 160])
def test_names_are_data_in_the_terminal(name: str, width: int) -> None:
    act = HOSTILE[name]
    hostile = replace(made(act), formula=act, reference=act, kink=act, matches=(act,))
    for page in (
        shown(render, [hostile], width=width),
        shown(compare, [hostile, made()], width=width),
        shown(act_table, [ActRow(act, act, act, 2020, act, act)], width=width),
    ):
        assert "\x1b" not in page
        assert not set(page) & set("\u202e\u2028\x07\x00\udc80")
        page.encode("utf-8")
        assert max(map(len, page.splitlines())) <= width
    if name == "markup":
        assert "[red]" in shown(render, [hostile], width=width)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_every_encoding_can_carry_it(encoding: str) -> None:
    for draw in (render, compare):
        raw = io.BytesIO()
        stream = io.TextIOWrapper(raw, encoding=encoding, errors="strict")
        draw([made()], Console(file=stream, width=80, legacy_windows=False))
        stream.flush()
        page = raw.getvalue().decode(encoding)
        assert ("*" in page) is (encoding != "utf-8")
        assert (max(page) > "⠀") is (encoding == "utf-8")


def test_an_act_without_a_curve_has_no_plot() -> None:
    flat = replace(made(), curve=Curve())
    assert "f(z)" not in shown(render, [flat])
    assert "No curve" in svg([flat])
    assert "f(z)" not in shown(render, [made()], plots=False)


def test_a_plot_shows_the_function() -> None:
    z = [i / 10 for i in range(-60, 61)]
    drawn = plot(z, [max(0.0, x) for x in z], 40, 10, plain=True)
    assert drawn is not None
    assert (drawn.labels[0].strip(), drawn.labels[-1].strip()) == ("6", "0")
    assert drawn.rows[0].rstrip()[-1] == "*"  # high at the right
    assert "*" not in drawn.rows[0][:30]
    assert set(drawn.rows[-1][:19]) == {"*"}  # and zero on the left half
    rows = [next(r for r, row in enumerate(drawn.rows) if row[c] == "*") for c in range(40)]
    assert rows == sorted(rows, reverse=True)  # it never falls
    falling = plot(z, [-x for x in z], 40, 10, plain=True)
    assert falling is not None
    assert falling.rows[0][0] == "*"  # the twin is told apart


@pytest.mark.parametrize(
    "y", [[0.0] * 3, [1e308, -1e308, 0.0], [math.nan, 1.0, 2.0], [5e-324] * 3, [math.inf, 0, 1]]
)
def test_a_plot_of_any_numbers(y: list[float]) -> None:
    drawn = plot([-1.0, 0.0, 1.0], y, 20, 5)
    assert drawn is None or all(len(row) == 20 for row in drawn.rows)


@pytest.mark.parametrize(("z", "y"), [([], []), ([1.0], [1.0]), ([1.0, 1.0], [0.0, 1.0])])
def test_nothing_to_plot(z: list[float], y: list[float]) -> None:
    assert plot(z, y, 20, 5) is None


SVG = "{http://www.w3.org/2000/svg}"


def test_the_svg_stands_alone_and_speaks() -> None:
    page = svg([made("gelu"), made("silu")])
    root = ElementTree.fromstring(page)
    assert root.attrib["role"] == "img"
    labels = root.attrib["aria-labelledby"].split()
    ids = {node.attrib.get("id"): node.text for node in root.iter()}
    assert all(ids[label] for label in labels)
    assert "from f(-6) = 0 to f(6) = 6 it never falls" in str(ids["desc"])
    assert len(root.findall(f".//{SVG}polyline")) == 4  # value and slope of both
    words = " ".join(node.text or "" for node in root.iter(f"{SVG}text"))
    assert all(word in words for word in ("gelu", "silu", "pre z", "slope f′(z)", "value f(z)"))
    assert "prefers-color-scheme:dark" in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


def test_the_points_of_the_svg_are_within_its_panels() -> None:
    root = ElementTree.fromstring(svg([made()]))
    for line in root.iter(f"{SVG}polyline"):
        points = [tuple(map(float, p.split(","))) for p in line.attrib["points"].split()]
        assert len(points) == 121
        assert all(56 <= x <= 728 and 64 <= y <= 354 for x, y in points)
    first = next(root.iter(f"{SVG}polyline")).attrib["points"].split()
    heights = [float(p.split(",")[1]) for p in first]
    assert heights == sorted(heights, reverse=True)  # a rising function rises


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_data_in_the_svg(name: str) -> None:
    page = svg([made(HOSTILE[name])])
    page.encode("utf-8")
    root = ElementTree.fromstring(page)
    assert not list(root.iter(f"{SVG}script"))
    if name == "xml":
        assert "<script>" in "".join(node.text or "" for node in root.iter(f"{SVG}title"))


def test_twenty_acts_are_told_apart_by_hue_or_dash() -> None:
    page = svg([made(f"act{i}") for i in range(20)])
    style = str(next(ElementTree.fromstring(page).iter(f"{SVG}style")).text)
    light = style.partition("@media")[0]
    looks = [
        (
            light.partition(f".c{i}{{stroke:")[2].partition("}")[0],
            light.partition(f".c{i}{{stroke-dasharray:")[2].partition("}")[0],
        )
        for i in range(20)
    ]
    assert len(set(looks)) == 20


@pytest.mark.parametrize(
    ("form", "file", "sentence"),
    [
        ("jsn", None, "unknown output format 'jsn'; did you mean 'json'?"),
        ("full", "a.png", "the file 'a.png' needs an ending: .json, .svg or .txt."),
        ("full", "a", "the file 'a' needs an ending: .json, .svg or .txt."),
        ("json", "a.svg", "--output-format is 'json', but 'a.svg' ends in .svg."),
        ("full", "no/a.svg", "cannot write 'no/a.svg': there is no folder 'no'."),
    ],
)
def test_orders_that_are_refused(form: str, file: str | None, sentence: str) -> None:
    from pathlib import Path

    with pytest.raises(UsageError) as caught:
        card_order(form, Path(file) if file else None)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["relu"], ["relu"]),
        (["relu, gelu", "elu(0.5, 2)"], ["relu", "gelu", "elu(0.5, 2)"]),
        (["a(b(1, 2), 3),c"], ["a(b(1, 2), 3)", "c"]),
        ([",", ""], []),
        (["f(1, 2"], ["f(1, 2"]),
    ],
)
def test_acts_are_separated_by_commas_outside_brackets(words: list[str], found: list[str]) -> None:
    assert split_acts(words) == found


@pytest.mark.parametrize("width", WIDTHS)
def test_the_catalogue_tells_everything(width: int) -> None:
    entry = ActRow("swish", "learnable", "z * sigmoid(beta * z)", 2017, "beta*=1.0", "a paper")
    page = shown(act_table, [entry], width=width)
    assert max(map(len, page.splitlines())) <= width
    words = " ".join(page.split())
    for word in ("swish", "learnable", "2017", "beta*=1.0", "a paper", "* learned in training"):
        assert word in words
    assert "learned in training" not in shown(
        act_table, [replace(entry, parameters="dim=-1")], width=width
    )


def test_the_text_file_has_methods_and_no_colour() -> None:
    page = text([made()], side_by_side=False)
    assert "Halving." in page
    assert "\x1b" not in page
    assert "Halving." not in text([made()], side_by_side=True)
