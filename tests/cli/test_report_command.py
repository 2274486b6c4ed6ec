"""`relume report` and `relume live` as commands: what they make, refuse and say."""

import http.client
import json
import math
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from relume.cli import app
from relume.cli.live_command import _wait_for_first_record, _wait_for_run, live_server
from relume.cli.options import JudgingOptions, output_policy
from relume.core import Fact, Site, plain
from relume.core.trial import Arm, Edit, Effect, Objective, Trial, TrialRun, Verdict
from relume.record.store import run_file

Result = tuple[int, str]
Relume = Callable[..., Result]


@pytest.fixture
def call(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Relume:
    """Calls `main` in an empty folder; returns exit code and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def invoke(*args: str) -> Result:
        code = app.main(args)
        return code, capfd.readouterr().err

    return invoke


def recorded(path: Path, *, steps: int = 60, ended: bool = True) -> run_file.Writer:
    """A run file with one act that dies half way, still open."""
    writer = run_file.Writer(path)
    writer.meta({"run": path.stem, "script": "train.py", "steps": steps, "updated": time.time()})
    writer.site(Site("net.1", "act", "relu", layer="net.0", units=8, order=2))
    keys = (("net.1", "silent_unit_share"), ("net.1", "grad_pre_rms"))
    for step in range(steps):
        writer.record(step, keys, (float(step > steps // 2), 1e-3))
    loss = np.linspace(2.3, 1.0, steps)
    writer.steps([(step, float(loss[step]), 0.1, 0.01) for step in range(steps)])
    if ended:
        writer.fact(Fact("end", "", steps, {"how": "normal", "code": 0, "text": ""}))
        writer.meta({"ended": "normal"})
    return writer


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with two runs."""
    folder = tmp_path / ".relume"
    for name in ("20260101-000000-first", "20260102-000000-second"):
        recorded(folder / f"{name}.sqlite").close()
    return folder


def data_of(page: Path) -> dict[str, Any]:
    text = page.read_text("utf-8")
    return json.loads(text.partition('id="data">')[2].partition("</script>")[0])


def test_the_last_run_becomes_a_page(call: Relume, runs: Path, tmp_path: Path) -> None:
    code, err = call("report")
    assert code == 0
    assert err.endswith("is in report.html.\n")
    run = data_of(tmp_path / "report.html")["runs"][0]
    assert run["name"] == "20260102-000000-second"
    assert run["state"] == "ended"
    assert [block["name"] for block in run["blocks"]] == ["net.1"]


def test_two_runs_are_laid_side_by_side(call: Relume, runs: Path, tmp_path: Path) -> None:
    assert call("report", "20260102", "20260101", "-o", "two.html")[0] == 0
    data = data_of(tmp_path / "two.html")
    assert [run["name"][:8] for run in data["runs"]] == ["20260102", "20260101"]
    assert data["differences"] is not None


def test_rules_are_selected_as_everywhere(call: Relume, runs: Path, tmp_path: Path) -> None:
    assert call("report", "--select", "ACT6")[0] == 0
    run = data_of(tmp_path / "report.html")["runs"][0]
    said = [item[0] for item in run["checked"]] + [f["code"] for f in run["findings"]]
    assert said
    assert all(code.startswith("ACT6") for code in said)


def test_trials_are_shown_with_the_run(call: Relume, runs: Path, tmp_path: Path) -> None:
    arms = (Arm("base", role="base"), Arm("gelu", (Edit("swap", {"act": "gelu"}, ("net.1",)),)))
    shots = [
        TrialRun(arm.name, seed, 1.0 - 0.1 * (arm.name == "gelu"))
        for arm in arms
        for seed in (0, 1)
    ]
    effect = Effect(0.1, 0.1, math.inf, 0.01, 0.01, 2, 2, 0.1)
    verdicts = (Verdict("gelu", "proven", "Proven.", effect),)
    trial = Trial("gelu?", Objective(), arms, tuple(shots), verdicts, meta={"seeds": 2})
    (tmp_path / "trial.json").write_text(json.dumps(plain(trial)))
    # of a cure all trials; what this version does not know is left alone
    later = {**plain(trial), "of_a_later_version": [{"arm": "gelu"}]}
    (tmp_path / "cure.json").write_text(json.dumps({"word": "proven", "trials": [later, later]}))
    assert call("report", "--trial", "trial.json", "--trial", "cure.json")[0] == 0
    found = data_of(tmp_path / "report.html")["trials"]
    assert len(found) == 3
    assert found[0] == found[1]
    assert found[0]["arms"][0]["pairs"] == [[0, 0.1], [1, 0.1]]
    assert found[0]["arms"][0]["effect"]["high"] == "inf"


def test_open_shows_the_file(
    call: Relume, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: bool(shown.append(url)))
    code, err = call("report", "--open")
    assert code == 0
    assert shown == [(tmp_path / "report.html").as_uri()]
    assert f"no browser could be started; open {shown[0]}" in err


def test_a_run_that_still_trains_has_a_report(call: Relume, tmp_path: Path) -> None:
    writer = recorded(tmp_path / ".relume" / "now.sqlite", ended=False)
    assert call("report")[0] == 0
    assert data_of(tmp_path / "report.html")["runs"][0]["state"] == "training"
    writer.meta({"updated": time.time() - 3600})
    writer.close()
    assert call("report")[0] == 0
    assert data_of(tmp_path / "report.html")["runs"][0]["state"] == "lost"


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["report", "a", "b", "c"], "3 runs were given; a report shows one run, or two."),
        (["report", "nothing"], "unknown run 'nothing'"),
        (["report", "-o", "gone/r.html"], "cannot write 'gone/r.html': there is no folder 'gone'."),
        (["report", "-o", "."], "cannot write '.': it is a folder; give a file in it."),
        (["report", "notes.txt"], "notes.txt"),
        (["report", "--select", "ACT99"], "ACT99"),
        (["report", "--trial", "gone.json"], "cannot read 'gone.json': No such file or directory."),
        (["report", "--trial", "notes.txt"], "'notes.txt' is not JSON; give what --output-format"),
        (["report", "--trial", "list.json"], "'list.json' holds no trial; give what"),
        (["report", "--trial", "bad.json"], "holds no trial (0.objective: field required); give"),
        (["live", "nothing"], "unknown run 'nothing'"),
        (["live", "--port", "99999"], "--port is 99999; it is a port from 1 to 65535, or 0"),
    ],
)
def test_bad_input_is_refused(
    call: Relume, runs: Path, tmp_path: Path, args: list[str], text: str
) -> None:
    (tmp_path / "notes.txt").write_text("no run")
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "bad.json").write_text('{"question": "?", "arms": [], "shots": []}')
    (tmp_path / "report.html").write_text("old")
    code, err = call(*args)
    assert code == 2
    assert text in err
    assert err.count("\n") == 1
    assert (tmp_path / "report.html").read_text() == "old"


def test_without_a_run_it_says_how_to_get_one(call: Relume) -> None:
    code, err = call("report")
    assert code == 2
    assert "no recorded run in .relume/; record one with `relume run SCRIPT`." in err


def test_live_follows_a_run_until_it_ends(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relume.report.html.server.FRESH", 0.0)  # each poll is made anew
    path = tmp_path / ".relume" / "now.sqlite"
    writer = recorded(path, ended=False)
    with live_server(path, output_policy(JudgingOptions(isolated=True)), 0) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            tag, run = polled(server)
            assert run["state"] == "training"
            assert polled(server, tag) == (tag, None)  # nothing was written since
            before = len(run["run"]["loss"]["v"])
            writer.steps([(60 + i, 1.0, 0.1, 0.01) for i in range(20)])
            tag, run = polled(server, tag)
            assert run is not None
            assert len(run["run"]["loss"]["v"]) == before + 20
            writer.meta({"updated": time.time() - 3600})  # as if it had been killed
            tag, run = polled(server, tag)
            assert run is not None
            assert run["state"] == "lost"
            writer.meta({"ended": "normal"})
            writer.close()
            tag, run = polled(server, tag)
            assert run is not None
            assert run["state"] == "ended"
        finally:
            server.shutdown()
            thread.join()


def polled(server: Any, tag: str = "") -> tuple[str, dict[str, Any] | None]:
    link = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    link.request("GET", f"/{server.token}/data", headers={"If-None-Match": tag} if tag else {})
    answer = link.getresponse()
    body = answer.read()
    link.close()
    if answer.status == 304:
        return tag, None
    assert answer.status == 200, body
    return str(answer.headers["ETag"]), json.loads(body)["runs"][0]


@pytest.mark.parametrize("name", [None, "later.sqlite"])
def test_live_waits_for_a_run_that_does_not_exist_yet(
    name: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    late = tmp_path / (name or "runs/20261201-0000-late.sqlite")
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            late.parent.mkdir(exist_ok=True)
            late.touch()

    monkeypatch.setattr("relume.cli.live_command.time.sleep", sleep)
    found = _wait_for_run(name, tmp_path / "runs")
    assert found is not None
    assert found.resolve() == late
    assert len(waits) == 3
    assert capsys.readouterr().err.count("Waiting for it (Ctrl-C to end)") == 1

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("relume.cli.live_command.time.sleep", interrupt)
    assert _wait_for_run(None, tmp_path / "none") is None


def test_live_says_where_and_ends_with_control_c(
    call: Relume, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    shown: list[str] = []
    monkeypatch.setattr("relume.report.html.server.LiveServer.serve_forever", stop)
    monkeypatch.setattr("webbrowser.open", lambda url: bool(shown.append(url)))
    code, err = call("live", "--open")
    assert code == 0
    assert f"live at {shown[0]} (Ctrl-C to end)" in err
    assert "no longer live; the recording goes on." in err


def test_live_waits_for_the_first_step(tmp_path: Path) -> None:
    path = tmp_path / "begun.sqlite"
    path.touch()
    writer = threading.Timer(0.5, lambda: path.write_bytes(b"SQLite"))
    began = time.monotonic()
    writer.start()
    assert _wait_for_first_record(path)
    assert 0.4 < time.monotonic() - began < 20
    writer.join()


def test_a_port_that_is_taken_is_said(call: Relume, runs: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, err = call("live", "--port", str(port))
    assert code == 2
    assert f"cannot serve at port {port}:" in err
    assert "leave --port out" in err


def test_a_copy_elsewhere_has_the_same_report(call: Relume, runs: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite"
    shutil.copy(run_file.find(None, runs), copy)
    assert call("report", str(copy), "-o", "a.html")[0] == 0
    assert call("report", "-o", "b.html")[0] == 0
    assert data_of(tmp_path / "a.html")["runs"][0] == data_of(tmp_path / "b.html")["runs"][0]
