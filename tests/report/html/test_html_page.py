"""The report's page: one file, hostile data, its size, and what it is given."""

import base64
import hashlib
import importlib.util
import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import story_of_a_death as story
from run_to_draw import HOSTILE, hostile, many, network, shown, trial, window

from relume.core import Series, Trace, Window
from relume.core.trial import Objective
from relume.report.html.html_page import html, inline
from relume.report.html.report_data import curves, live, live_data, report, report_data
from relume.report.html.run_data import RunData
from relume.report.html.unit_spread import unit_spreads
from relume.report.run_status import PATIENCE, run_status

MOST = 1_000_000  # bytes, for 200 sites by 500 records


class Parts(HTMLParser):
    """The elements of a page, the text of each script, the policy."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.policy = ""
        self._inside = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._inside = tag
        known = dict(attrs)
        self.handlers += [name for name in known if name.startswith("on")]
        self.handlers += [name for name in ("src", "href") if name in known]
        if known.get("http-equiv") == "Content-Security-Policy":
            self.policy = str(known["content"])
        if tag == "script":
            self.scripts.append("")
        if tag == "style":
            self.styles.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        if self._inside == "style":
            self.styles[-1] += data


def hashed(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_words_stay_words(text: str) -> None:
    page = report([hostile(text), hostile(text)], [trial(text)])
    parts = Parts(page)
    harmless = Parts(report([hostile("fine"), hostile("fine")], [trial()]))
    assert parts.tags == harmless.tags  # nothing was born of the data, and nothing swallowed
    assert parts.handlers == []
    assert len(parts.scripts) == 3
    assert "alert(1)" not in parts.scripts[1] + parts.scripts[2]
    for char in "\u202e\u2066\u2028\u2029\x00\x1b\ud800":
        assert char not in page
    data = json.loads(parts.scripts[0])
    assert len(data["runs"]) == 2
    told = [text for run in data["runs"] for block in run["blocks"] for text in (block["name"],)]
    assert all(len(word) <= 80 for word in told)
    page.encode("utf-8")


def test_the_policy_lets_nothing_run_but_ours() -> None:
    parts = Parts(report([shown(network())]))
    assert parts.policy.startswith("default-src 'none';")
    assert "unsafe" not in parts.policy
    assert "http" not in parts.policy
    assert "connect-src" not in parts.policy
    for script in parts.scripts[1:]:
        assert hashed(script) in parts.policy
    assert hashed(parts.styles[0]) in parts.policy
    assert hashed(parts.scripts[1] + " ") not in parts.policy


def test_a_live_page_may_ask_its_own_server_only() -> None:
    page = live(live_data(shown(network()), 2.0))
    assert "connect-src 'self'" in Parts(page).policy
    assert json.loads(Parts(page).scripts[0])["live"] == {"every": 2.0}


def test_a_page_loads_nothing() -> None:
    page = report([shown(network())])
    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", page)
    assert "<link" not in page
    assert "@import" not in page


def test_without_scripts_the_story_is_told() -> None:
    page = report([RunData(network(), story.SICK)])
    aside = page.partition("<noscript>")[2].partition("</noscript>")[0]
    assert "ACT605 learning-rate-high" in aside
    assert "divide the learning rate by 10" in aside


def test_two_hundred_sites_by_five_hundred_records_stay_below_a_megabyte() -> None:
    trace = network("encoder.layers", acts=200, records=500)
    told = replace(story.MANY, findings=(*story.MANY.findings, *many(trace)))
    page = report([RunData(trace, told)])
    assert len(page.encode()) < MOST
    run = json.loads(Parts(page).scripts[0])["runs"][0]
    assert len(run["blocks"]) == 201
    assert len(run["findings"]) == len(told.findings)
    pair = report([RunData(trace, story.SICK), RunData(trace, story.SICK)])
    assert len(pair.encode()) < MOST


def test_a_page_is_json_whatever_the_numbers() -> None:
    trace = network()
    bad = Series(np.arange(3), np.array([np.nan, np.inf, -np.inf]))
    table = {**trace.table, ("", "loss"): bad, ("net.0.act", "grad_pre_rms"): bad}
    data = report_data([shown(replace(trace, table=table))])
    run = json.loads(inline(data))["runs"][0]
    assert run["run"]["loss"]["v"] == ["nan", "inf", "-inf"]


@pytest.mark.parametrize("trace", [Trace({}), Trace({"run": "x"}, sites=network().sites)])
def test_an_empty_run_has_a_page(trace: Trace) -> None:
    run = report_data([shown(trace)])["runs"][0]
    assert run["hero"]["figure"] == "loss"
    assert all(block["health"] == "unseen" for block in run["blocks"])


def test_blocks_follow_the_data_and_take_their_parameters() -> None:
    run = report_data([shown(network(acts=2))])["runs"][0]
    assert [block["name"] for block in run["blocks"]] == ["net.0.act", "net.1.act", "net.out"]
    assert [weight["block"] for weight in run["weights"]] == [0, 1]
    assert run["blocks"][0]["layer"] == "net.0.fc"


def test_a_block_is_as_ill_as_its_worst_finding() -> None:
    trace = network("net", acts=4)
    at = replace(story.DEAD, site="net.1.act", explained_by=())
    layer = replace(story.SATURATED, site="net.2.fc")
    over = replace(story.DEAD, site="net.3.act", cleared=True, explained_by=())
    told = replace(story.SICK, findings=(at, layer, over))
    blocks = report_data([RunData(trace, told)])["runs"][0]["blocks"]
    assert [block["health"] for block in blocks] == ["fine", "error", "note", "fine", "fine"]
    assert blocks[1]["findings"] == [0]


@pytest.mark.parametrize(
    ("code", "figure"),
    [
        ("ACT401", "silent"),
        ("ACT403", "silent"),
        ("ACT501", "flat"),
        ("ACT601", "depth"),
        ("ACT605", "loss"),
        ("ACT606", "updates"),
        ("ACT201", "loss"),
        ("ACT701", "evidence"),
        ("ACT303", "silent"),
    ],
)
def test_the_first_figure_is_that_of_the_cause(code: str, figure: str) -> None:
    root = replace(story.HOT, code=code, site="net.1.act", explains=())
    told = replace(story.SICK, findings=(story.SPARSE, root))
    assert report_data([RunData(network(), told)])["runs"][0]["hero"] == {
        "figure": figure,
        "finding": 1,
    }
    bare = report_data([RunData(Trace({}), told)])["runs"][0]["hero"]
    assert bare["figure"] in ("evidence", "loss")  # of what cannot be drawn nothing is asked


def test_where_no_loss_is_a_number_the_first_figure_says_where_it_broke() -> None:
    trace = network()
    at = np.arange(40) * 4
    lost = {("", "loss"): Series(at, np.full(40, np.nan))}
    for i, share in enumerate((0.0, 0.25, 1.0)):
        lost[f"net.{i}.act", "nonfinite_share"] = Series(at, np.where(at >= 8, share, 0.0))
    root = replace(story.HOT, code="ACT604", site="net.1.act", explains=())
    told = replace(story.SICK, findings=(root,))
    hero = report_data([RunData(replace(trace, table={**trace.table, **lost}), told)])
    assert hero["runs"][0]["hero"] == {
        "figure": "nonfinite",
        "finding": 0,
        "step": 8,
        "rows": [["net.0.act", 0.0], ["net.1.act", 0.25], ["net.2.act", 1.0]],
    }
    del lost["", "loss"]  # a loss that has numbers is drawn
    hero = report_data([RunData(replace(trace, table={**trace.table, **lost}), told)])
    assert hero["runs"][0]["hero"]["figure"] != "nonfinite"


def test_a_gradient_that_only_the_start_shows_is_drawn_by_depth() -> None:
    evidence = replace(story.HOT.evidence, stat="grad_rms_log10_ratio", curve=())
    root = replace(story.HOT, code="ACT301", site="net.1.act", explains=(), evidence=evidence)
    told = replace(story.SICK, findings=(root,))
    assert report_data([RunData(network(), told)])["runs"][0]["hero"]["figure"] == "depth"


def test_two_runs_say_what_differs() -> None:
    less = replace(story.SICK, findings=(story.HOT, story.SATURATED))
    found = report_data([RunData(network(), story.SICK), RunData(network(), less)])["differences"]
    assert {row[1] for row in found["first"]} == {"ACT403 died-in-training", "ACT401 dead-units"}
    assert found["second"] == []
    assert [row[1] for row in found["both"]] == [
        "ACT605 learning-rate-high",
        "ACT501 saturated-units",
    ]
    assert report_data([RunData(network(), story.SICK)])["differences"] is None


def test_findings_keep_their_numbers_and_links() -> None:
    run = report_data([RunData(network(), story.SICK)])["runs"][0]
    hot, died, dead, *_ = run["findings"]
    assert (hot["value"], hot["limit"], hot["steps"]) == (0.52, 0.1, [9, 143])
    assert hot["explains"] == [1, 2]
    assert dead["explained_by"] == [0, 1]
    assert died["more"] == [["share", "0.61"]]
    assert len(hot["curve"]["v"]) == 60
    assert run["story"][0]["finding"] == 0
    assert run["story"][0]["below"][0]["below"][0]["finding"] == 2
    assert report_data([RunData(network(), story.SICK)])["pages"]["dead-units"]["sections"][0][
        0
    ] == ("What it does")


def test_a_trial_shows_pairs_signed_so_that_better_is_positive() -> None:
    drawn = report_data([shown(network())], [trial()])["trials"][0]
    arm = drawn["arms"][0]
    assert arm["pairs"] == [[1, 0.5], [2, 0.5]]  # the loss fell by a half; seed 0 gave no value
    assert arm["effect"]["high"] == "inf"
    assert arm["word"] == "proven"
    verdicts = [replace(one, visible=0.3, least=0.1, power=0.214) for one in trial().verdicts]
    told = report_data([shown(network())], [replace(trial(), verdicts=tuple(verdicts))])
    assert told["trials"][0]["arms"][0]["text"].endswith(
        "Its pairs show a difference of 0.3 in 80 % of trials, and the least worth a change, 0.1, "
        "in 21 %."
    )
    more = replace(trial(), objective=Objective("accuracy", "max"))
    assert report_data([shown(network())], [more])["trials"][0]["arms"][0]["pairs"][0] == [1, -0.5]


def test_units_by_their_mean_with_their_state() -> None:
    rng = np.random.default_rng(0)
    made = unit_spreads([window(np.arange(10), rng, dead=5)] * 9, sites=1)
    assert len(made) == 6
    rows = made[0]["rows"]
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert all(abs(row[1] - 0.5) < 1e-3 for row in rows)
    assert sum(row[2] == 0 for row in rows) == 5
    assert len(unit_spreads([window(np.arange(10), rng)], sites=500)[0]["rows"]) == 12
    assert unit_spreads([Window(0, 1, 1, 1, {"active": np.ones(3)})], sites=1) == []


def test_the_curves_are_those_of_the_acts() -> None:
    path = Path(__file__).parents[3] / "web" / "curves.py"
    spec = importlib.util.spec_from_file_location("relume_web_curves", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    made, known = module.curves(), curves()
    assert made["z"] == known["z"]
    assert list(made["acts"]) == list(known["acts"])
    for name, act in made["acts"].items():
        for key in ("value", "slope"):
            assert act[key] == pytest.approx(known["acts"][name][key], rel=2e-4, abs=1e-12), name
        assert (act["low"], act["high"]) == (
            known["acts"][name]["low"],
            known["acts"][name]["high"],
        )


def test_the_curves_against_what_is_known_on_paper() -> None:
    acts, (start, step, many) = curves()["acts"], curves()["z"]
    at = {start + i * step: i for i in range(many)}
    assert acts["relu"]["value"][at[-3.0]] == 0
    assert acts["relu"]["value"][at[3.0]] == 3
    assert acts["sigmoid"]["slope"][at[0.0]] == 0.25
    assert acts["tanh"]["value"][at[1.0]] == pytest.approx(0.7616, abs=1e-4)
    assert (acts["relu"]["low"], acts["relu"]["high"]) == (0, None)
    assert acts["sigmoid"]["high"] == pytest.approx(4.357, abs=0.01)  # RULES: 4.36
    assert acts["tanh"]["high"] == pytest.approx(2.18, abs=0.01)
    assert acts["elu"]["low"] == pytest.approx(-3.0, abs=0.01)
    assert (acts["leaky_relu"]["high"], acts["snake"]["high"]) == (None, None)


def test_a_run_is_ended_training_or_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import platform

    here = {"host": platform.node(), "pid": os.getpid(), "updated": 0.0}
    assert run_status({"ended": "normal"}, 1e9) == "ended"
    assert run_status(here, 1e9) == "training"  # a long step: its process lives
    elsewhere = {**here, "host": "elsewhere"}
    assert run_status(elsewhere, PATIENCE - 1) == "training"
    assert run_status(elsewhere, PATIENCE + 1) == "lost"
    assert run_status({**elsewhere, "updated": 86_400.0}, 0.0) == "lost"  # the clock went back
    assert run_status({}, 0.0) == "lost"

    def gone(pid: int, signal: int) -> None:
        assert signal == 0
        raise ProcessLookupError

    monkeypatch.setattr(os, "kill", gone)
    assert run_status(here, 0.0) == "lost"


def test_no_page_is_made_of_numbers_that_json_lacks() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        html({"kind": "report", "x": float("nan")}, title="t")
