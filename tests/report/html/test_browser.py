"""The report in a real browser: what is seen, moved, read aloud, and never asked for."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import story_of_a_death as story
from run_to_draw import HOSTILE, hostile, many, network, shown, trial

import relume
from relume.core import Series, Trace
from relume.diagnosis import diagnose
from relume.record.store import run_file
from relume.report.html.report_data import live, live_data, report
from relume.report.html.run_data import RunData
from relume.report.html.server import LiveServer

VANISHING = replace(
    story.DEAD,
    code="ACT601",
    name="vanishing-gradient",
    site="net.1.act",
    explained_by=(),
    text="the gradient of the first layer is {value:.1e} of the largest",
    cure="replace sigmoid by relu, together with He initialisation",
    evidence=replace(
        story.DEAD.evidence,
        stat="grad_over_weight_first_over_max",
        value=2e-7,
        threshold=1e-3,
        curve=tuple((4 * i, 1e-7 * (1 + i)) for i in range(20)),
    ),
)
RECORDS = 40


def vanishing(name: str = "net") -> RunData:
    """Six sigmoids; a layer passes a tenth of the gradient, at every record."""
    trace = network(name, acts=6, records=RECORDS, act="sigmoid")
    table = dict(trace.table)
    for i in range(6):
        values = np.full(RECORDS, 10.0 ** (i - 6))
        table[f"{name}.{i}.act", "grad_pre_rms"] = Series(np.arange(RECORDS) * 4, values)
    table[f"{name}.out", "grad_pre_rms"] = Series(np.arange(RECORDS) * 4, np.ones(RECORDS))
    told = replace(story.SICK, findings=(replace(VANISHING, site=f"{name}.1.act"), story.SPARSE))
    return RunData(replace(trace, table=table), told)


def unseen() -> RunData:
    """As `vanishing`, in a run of four times as many steps; a layer's gradient becomes NaN."""
    made = vanishing()
    table = dict(made.trace.table)
    values = np.full(RECORDS, 1e-5)
    values[RECORDS // 2 :] = np.nan
    table["net.0.act", "grad_pre_rms"] = Series(np.arange(RECORDS) * 4, values)
    steps = np.arange(621)
    table["", "loss"] = Series(steps, np.full(621, 2.3))
    return replace(made, trace=replace(made.trace, table=table))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pages that the tests look at."""
    folder = tmp_path_factory.mktemp("pages")
    made = {
        "vanishing": report([vanishing()], [trial("lower-learning-rate")]),
        "unseen": report([unseen()]),
        "deep": report([RunData(network("encoder.blocks", acts=60), story.FINE)]),
        "two": report([vanishing(), shown(network("net"))]),
        "fine": report([RunData(network(), story.FINE)]),
        "empty": report([shown(Trace({}))]),
    }
    for name, text in made.items():
        (folder / f"{name}.html").write_text(text, "utf-8")
    return folder


def overflow(page: Any) -> int:
    """How much wider the page is than the window."""
    return page.evaluate("document.documentElement.scrollWidth - innerWidth")


@pytest.mark.parametrize("width", [390, 1440])
def test_the_verdict_is_seen_before_any_click(eyes: Any, pages: Path, width: int) -> None:
    page = eyes.open(pages / "vanishing.html", width)
    assert page.locator("h1").inner_text() == "Vanishing gradient at net.1.act (sigmoid)"
    assert "1 root cause" in page.locator(".verdict").inner_text()
    assert "2.0e-07 of the largest" in page.locator(".because").inner_text()
    assert "Replace sigmoid by relu" in page.locator(".first .cure").inner_text()
    figure = page.locator(".first figure")
    assert figure.locator("figcaption").count() == 1
    assert "The gradient shrinks 100 thousand times on its way back" in figure.inner_text()
    assert overflow(page) == 0
    assert page.locator("h1").bounding_box()["y"] < 200
    if width > 1000:  # the figure stands beside the words, on the first screen
        box = figure.bounding_box()
        assert box["y"] + box["height"] < 900


@pytest.mark.parametrize(("name", "width"), [("two", 390), ("two", 1440), ("empty", 390)])
def test_every_page_fits_and_stays_silent(eyes: Any, pages: Path, name: str, width: int) -> None:
    page = eyes.open(pages / f"{name}.html", width, color_scheme="dark")
    assert page.locator("h1").count() == (2 if name == "two" else 1)
    assert overflow(page) == 0


def test_light_and_dark(eyes: Any, pages: Path) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    page = eyes.open(pages / "vanishing.html", color_scheme="light")
    light = page.evaluate(ground)
    assert eyes.open(pages / "vanishing.html", color_scheme="dark").evaluate(ground) != light
    canvas = "document.querySelector('canvas.heat').toDataURL()"
    before = page.evaluate(canvas)
    page.get_by_role("button", name="Dark colours").click()
    assert page.evaluate(ground) != light
    assert page.evaluate(canvas) != before  # what CSS does not colour is painted anew
    page.get_by_role("button", name="Light colours").click()
    assert page.evaluate(ground) == light
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(ground) == light  # what the reader chose stays


def test_a_place_is_chosen_by_pointer_key_menu_and_address(eyes: Any, pages: Path) -> None:
    page = eyes.open(pages / "vanishing.html")
    head = page.locator("#site h3.mono")
    assert head.inner_text() == "net.1.act"  # where it breaks
    page.get_by_role("button", name=re.compile("^net.4.act, sigmoid after net.4.fc")).click()
    assert head.inner_text() == "net.4.act"
    page.get_by_role("button", name=re.compile("^net.2.act")).focus()
    page.keyboard.press("Enter")
    assert head.inner_text() == "net.2.act"
    page.get_by_label("Place").select_option("net.5.act")
    assert head.inner_text() == "net.5.act"
    pressed = page.locator(".stop[aria-pressed=true]")
    assert pressed.get_attribute("aria-label").startswith("net.5.act, sigmoid")
    assert "gradient 1 of the last act’s" in pressed.get_attribute("aria-label")
    again = eyes.open(f"{(pages / 'vanishing.html').as_uri()}#site=net.3.act")
    assert again.locator("#site h3.mono").inner_text() == "net.3.act"


def test_a_plot_is_read_by_keys_and_by_pointer(eyes: Any, pages: Path) -> None:
    page = eyes.open(pages / "vanishing.html")
    walker = page.locator(".first figure").get_by_role("slider")
    walker.focus()
    page.keyboard.press("Home")
    assert walker.get_attribute("aria-valuetext") == (
        "net.0.act: first record 1e−5; last record 1e−5"
    )
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert walker.get_attribute("aria-valuetext").startswith("net.2.act: first record 0.001")
    page.keyboard.press("End")
    assert walker.get_attribute("aria-valuetext") == "net.out: first record 10; last record 10"
    tip = page.locator(".first .tip")
    assert tip.is_visible()
    page.keyboard.press("Escape")
    assert not tip.is_visible()
    box = walker.bounding_box()
    page.mouse.move(box["x"] + 3, box["y"] + 30)
    assert "net.0.act" in tip.inner_text()


def test_the_depth_map_tells_every_cell(eyes: Any, pages: Path) -> None:
    page = eyes.open(pages / "vanishing.html")
    part = page.locator("#depth")
    walker = part.locator(".walker")
    walker.focus()
    page.keyboard.press("ArrowDown")
    said = part.get_by_role("status")
    assert said.inner_text() == f"net.1.act, step {4 * (RECORDS - 1)}: 0.0001"
    assert part.locator(".heat-names .marked").inner_text() == "1.act"
    part.get_by_text("as measured").click()
    part.locator(".walker").focus()
    page.keyboard.press("ArrowLeft")
    assert said.inner_text() == f"net.0.act, step {4 * (RECORDS - 2)}: 1e−6"
    page.keyboard.press("Enter")
    assert page.locator("#site h3.mono").inner_text() == "net.0.act"


def test_the_heat_map_is_linear_in_time_and_hatches_what_nobody_looked_at(
    eyes: Any, pages: Path
) -> None:
    """A record every four steps up to 156; the loss goes on to 620."""
    page = eyes.open(pages / "unseen.html")
    part = page.locator("#depth")
    legend = part.locator(".heat-legend").inner_text()
    assert "NaN or infinite" in legend
    assert "not looked at" in legend
    assert part.locator(".heat-steps span").all_inner_texts()[-1] == "step 620"
    part.locator("canvas.heat").scroll_into_view_if_needed()
    box = part.locator("canvas.heat").bounding_box()
    tip = part.locator(".tip")
    for share, step in ((0.1, 62), (0.2, 124), (0.9, 156)):  # the last look is the nearest to 90 %
        page.mouse.move(box["x"] + share * box["width"], box["y"] + 4)
        said = int(re.search(r"step (\d+)", tip.inner_text())[1])
        assert abs(said - step) <= 4
    calm = eyes.open(pages / "vanishing.html").locator("#depth .heat-legend").inner_text()
    assert "NaN" not in calm
    assert "not looked at" not in calm


def test_deep_nets_fold_what_repeats_and_name_a_place_at_once(eyes: Any, pages: Path) -> None:
    page = eyes.open(pages / "deep.html", 390)
    stops = page.locator(".stop")
    shown = stops.count()
    assert shown < 20  # of 61 blocks
    labels = stops.evaluate_all("all => all.map(one => one.getAttribute('aria-label'))")
    places = re.findall(r", (\d+) places", " ".join(labels))
    assert shown + sum(int(many) - 1 for many in places) == 61
    folded = page.locator(".stop", has_text="×").first
    assert re.fullmatch(
        r"\d+…\d+\.act", folded.locator(".stop-name").inner_text().replace("\n", "")
    )
    folded.click()
    assert folded.get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="Show all 61 places").click()
    assert stops.count() == 61
    assert page.locator(".stop-name").nth(17).inner_text() == "17.act"
    page.locator(".stop").nth(17).hover()
    assert page.locator(".flow-named").inner_text().startswith("encoder.blocks.17.act, relu")
    page.locator(".stop").nth(18).focus()
    assert page.locator(".flow-named").inner_text().startswith("encoder.blocks.18.act, relu")
    page.get_by_role("button", name="Fold what repeats").click()
    assert stops.count() == shown
    assert overflow(page) == 0


def test_line_charts_hatch_what_nobody_looked_at_and_name_nan(eyes: Any, pages: Path) -> None:
    """As the heat map does: the stats end at step 156, the run at 620."""
    page = eyes.open(pages / "unseen.html")
    page.get_by_label("Place").select_option("net.0.act")
    chart = page.locator("#site figure", has_text="Scale of signal and gradient")
    chart.locator("svg.plot").wait_for()
    rect = chart.locator("rect.unseen")
    left, wide = (float(rect.get_attribute(name)) for name in ("x", "width"))
    assert abs(left / (left + wide) - 156 / 620) < 0.01
    assert "NaN or infinite" in chart.locator("svg").text_content()
    assert "gradient is NaN or infinite" in page.locator(".flow-legend").inner_text()
    known = page.locator("#training figure").first
    assert known.locator("rect.unseen").count() == 0  # the loss is known to its end
    calm = eyes.open(pages / "vanishing.html")
    calm.locator("#site svg.plot").first.wait_for()
    assert calm.locator("rect.unseen").count() == 0
    assert "NaN" not in calm.locator("#site").inner_text()


def test_the_figure_says_what_the_sentence_says(eyes: Any, tmp_path: Path) -> None:
    """A real training: the act that the rule names is the first below the line in the figure."""
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(0)
    layers = [layer for _ in range(8) for layer in (nn.Linear(16, 16), nn.Sigmoid())]
    model = nn.Sequential(*layers, nn.Linear(16, 4))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    rows, labels = torch.randn(256, 16), torch.randint(0, 4, (256,))
    with relume.watch(model, every=10, path=tmp_path / "run.sqlite") as run:
        for _ in range(120):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(rows), labels).backward()
            optimizer.step()
    trace = run_file.read(run.path)
    diagnosis = diagnose(trace)
    message = next(f.message for f in diagnosis.findings if f.name == "vanishing-gradient")
    named = re.search(r"From (\S+) .*on less than a thousandth is left", message)[1]
    place = tmp_path / "page.html"
    place.write_text(report([RunData(trace, diagnosis)]), "utf-8")
    page = eyes.open(place)
    figure = page.locator(".first figure")
    figure.get_by_role("button", name="Show as table").click()
    rows = figure.locator("tbody tr").evaluate_all(
        "all => all.map(r => [...r.cells].map(c => c.innerText))"
    )
    left = {act: float(end.replace("−", "-").replace("×10^", "e")) for act, _, end in rows}
    below = [act for act, value in left.items() if value < 1e-3]
    assert below
    assert below[-1] == named  # the last from the left is the first from the right
    assert f"breaks at {named}"[:12] in figure.locator("svg").text_content()
    fine = page.locator(".stop.fine .stop-name").all_inner_texts()
    assert not set(fine) & {act for act, value in left.items() if value < 1e-3}


def test_the_fix_command_and_a_finding_are_copied(eyes: Any, pages: Path) -> None:
    page = eyes.open(pages / "vanishing.html")
    page.evaluate(
        "Object.defineProperty(navigator, 'clipboard', {value: {writeText: (text) => "
        "{ window.copied = text; return Promise.resolve(); }}})"
    )
    page.locator(".first").get_by_role("button", name="Copy fix command").click()
    assert page.evaluate("copied") == "relume fix train.py"
    page.locator("#findings").get_by_role("button", name="Copy as Markdown").first.click()
    text = page.evaluate("copied")
    assert text.startswith("**Vanishing gradient** at `net.1.act` (ACT601, ")
    assert "```sh\nrelume fix train.py\n```" in text


def test_every_figure_has_its_numbers_as_a_table(eyes: Any, pages: Path) -> None:
    page = eyes.open(pages / "vanishing.html")
    figure = page.locator(".first figure")
    figure.get_by_role("button", name="Show as table").click()
    rows = figure.get_by_role("row").all_inner_texts()
    assert rows[0] == "act\tfirst record\tlast record"
    assert rows[1] == "net.0.act\t1e−5\t1e−5"
    assert len(rows) == 8
    figure.get_by_role("button", name="Hide table").click()
    assert figure.get_by_role("row").count() == 0
    for each in page.locator("figure").all():
        assert each.get_by_role("button", name="Show as table").count() == 1
        assert each.get_attribute("aria-labelledby")


def test_the_units_are_followed_over_the_windows(eyes: Any, pages: Path) -> None:
    page = eyes.open(pages / "fine.html")
    page.get_by_label("Place").select_option("net.2.act")
    figure = page.get_by_role("figure", name="Pre of each unit on the curve of relu")
    assert "2 never a slope" in figure.locator("svg.plot").get_attribute("aria-label")
    slider = figure.get_by_role("slider", name="When")
    slider.focus()
    page.keyboard.press("Home")
    assert slider.get_attribute("aria-valuetext") == f"steps 0 to {4 * (RECORDS - 1)}"
    assert figure.locator("line.unit").count() == 64


def test_findings_open_with_evidence_page_and_cure(eyes: Any, pages: Path) -> None:
    page = eyes.open(pages / "vanishing.html")
    part = page.locator("#findings")
    assert "grad_over_weight_first_over_max" in part.inner_text()
    assert part.locator(".facts dd").first.inner_text() == "2e−7"
    summary = part.get_by_text("About vanishing-gradient:")
    summary.click()
    assert part.get_by_role("heading", name="How it is measured").is_visible()
    assert part.locator(".page code").count() > 0
    rest = page.locator("#rest")
    assert "vanishing-gradient" in rest.inner_text()  # what was ruled out is open
    assert "the fused LSTM hides its gates." in rest.inner_text()


def test_a_trial_is_shown_with_its_interval(eyes: Any, pages: Path) -> None:
    page = eyes.open(pages / "vanishing.html")
    part = page.locator("#trials")
    assert "lower-learning-rate proven" in part.inner_text()
    part.get_by_role("button", name="Show as table").click()
    row = part.get_by_role("row").nth(1).inner_text().split("\t")
    assert row == ["lower-learning-rate", "proven", "0.5", "0.4", "∞", "0.02", "2 of 3"]


def test_two_runs_stand_side_by_side(eyes: Any, pages: Path) -> None:
    page = eyes.open(pages / "two.html")
    one, two = page.locator(".first").all()
    assert one.bounding_box()["y"] == two.bounding_box()["y"]
    only = page.get_by_text("Only in").locator("..").first
    assert "ACT601 vanishing-gradient" in only.inner_text()
    page.locator(".flow").nth(1).get_by_role("button", name=re.compile("^net.2.act")).click()
    heads = page.locator("#site h3.mono").all_inner_texts()
    assert heads == ["net.2.act", "net.2.act"]


def test_what_a_screen_reader_meets(eyes: Any, pages: Path) -> None:
    page = eyes.open(pages / "vanishing.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the network"
    tree = page.locator("main").aria_snapshot()
    assert '- heading "Vanishing gradient at net.1.act (sigmoid)" [level=1]' in tree
    assert '- region "Verdict"' in tree
    assert '- list "The network, as data flows through it"' in tree
    assert re.search(r'- figure "The gradient shrinks 100 thousand times on its way back"', tree)
    assert 'img "Gradient by depth: at the last record net.0.act has 1e−5 of what' in tree
    nameless = page.evaluate(
        """[...document.querySelectorAll('button, input, select, [role=slider], [role=img]')]
        .filter(e => !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length))
        .length"""
    )
    assert nameless == 0
    twice = page.evaluate(
        "(ids => ids.length - new Set(ids).size)"
        "([...document.querySelectorAll('[id]')].map(e => e.id))"
    )
    assert twice == 0


@pytest.mark.parametrize("name", ["script", "right to left", "long"])
def test_hostile_words_are_only_seen(eyes: Any, tmp_path: Path, name: str) -> None:
    text = HOSTILE[name]  # test_page.py has them all; here is what a browser makes of them
    place = tmp_path / "page.html"
    place.write_text(report([hostile(text)], [trial(text)]), "utf-8")
    page = eyes.open(place, 390)
    assert page.evaluate("document.querySelectorAll('script').length") == 3
    assert page.evaluate("document.querySelectorAll('main img, main script').length") == 0
    assert overflow(page) == 0
    page.locator(".stop").last.click()
    assert page.locator("#site h3.mono").count() == 1
    if text.startswith("</script>"):
        assert text in page.locator(".because + .muted").inner_text()


def test_two_hundred_sites_are_drawn(eyes: Any, tmp_path: Path) -> None:
    trace = network("encoder.layers", acts=200, records=500)
    told = replace(story.MANY, findings=(*story.MANY.findings, *many(trace)))
    place = tmp_path / "page.html"
    place.write_text(report([RunData(trace, told)]), "utf-8")
    page = eyes.open(place)
    assert page.locator(".stop").count() == 2  # all acts have the same error
    page.get_by_role("button", name="Show all 201 places").click()
    assert page.locator(".stop").count() == 201
    assert page.locator(".stop.error").count() == 200
    part = page.locator("#depth")
    part.locator(".walker").focus()
    page.keyboard.press("ArrowDown")
    said = part.get_by_role("status").inner_text()
    assert re.fullmatch(r"encoder.layers.1.act, step [\d,]+: .*\d", said)
    page.locator("#findings").get_by_role("button", name="Show").first.click()
    assert overflow(page) == 0


def test_it_prints_without_controls(eyes: Any, pages: Path) -> None:
    page = eyes.open(pages / "vanishing.html")
    page.locator(".first svg.plot").wait_for()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 718, "height": 1000})  # A4 less its margins, at 96 a inch
    # figures are drawn anew once their size is observed, which on a busy machine takes a moment
    page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
    assert overflow(page) == 0
    assert not page.get_by_role("button", name="Show as table").first.is_visible()
    assert page.locator(".first svg.plot").is_visible()
    assert page.locator(".stop").first.is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_without_scripts_the_story_is_read(eyes: Any, pages: Path) -> None:
    page = eyes.open(pages / "vanishing.html", java_script_enabled=False)
    assert "ACT601 vanishing-gradient" in page.locator("body").inner_text()


class Following:
    """What a live page asks for."""

    state = "training"
    steps = 20

    def __call__(self) -> str:
        trace = network(records=self.steps)
        return live_data(RunData(trace, story.SICK, self.state), 0.05)


@pytest.fixture
def following() -> Iterator[tuple[LiveServer, Following]]:
    source = Following()
    with LiveServer(lambda: live(source()), source) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server, source
        server.shutdown()
        thread.join()


def test_a_live_page_follows_its_run(eyes: Any, following: tuple[LiveServer, Following]) -> None:
    server, source = following
    eyes.allowed.append(server.url)
    page = eyes.open(server.url)
    assert page.locator("#live").inner_text() == "still training"
    page.get_by_label("Place").select_option("net.2.act")
    page.locator("#findings details.finding").nth(1).locator("summary").first.click()
    page.get_by_role("button", name=re.compile("^net.2.act")).focus()
    source.steps = 30
    loss = page.locator("#training svg.plot").first
    page.locator(".foot").get_by_text("120", exact=True).wait_for()  # 4 steps a record
    assert loss.is_visible()
    assert page.locator("#site h3.mono").inner_text() == "net.2.act"  # what was chosen stays
    assert page.locator("#findings details.finding").nth(1).get_attribute("open") is not None
    assert page.evaluate("document.activeElement.className").startswith("stop")
    source.state = "ended"
    page.locator("#live").get_by_text("ended", exact=True).wait_for()


def test_the_data_of_a_page_is_what_was_drawn(pages: Path) -> None:
    text = (pages / "vanishing.html").read_text("utf-8")
    data = json.loads(text.partition('id="data">')[2].partition("</script>")[0])
    assert data["runs"][0]["blocks"][0]["series"]["grad"] == {"g": 0, "c": 1e-6}
