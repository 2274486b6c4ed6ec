"""`relume atlas` on the command line: pages, a lesson by name, experiments, and bad input."""

import json
import webbrowser
from pathlib import Path

import pytest

from relume.atlas.experiment import experiment
from relume.atlas.lesson import texts
from relume.cli.app import main


def test_it_writes_pages_that_hang_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    folder = tmp_path / "a b"
    assert main(["atlas", "P4", "-o", str(folder), "--open"]) == 0
    assert opened == [(folder / "p4-dying-relu.html").as_uri()]
    assert "p4-dying-relu.html" in capsys.readouterr().err
    for path in folder.rglob("*.html"):
        text = path.read_text("utf-8")
        for start in ('href="', 'src="'):
            for piece in text.split(start)[1:]:
                target = piece.partition('"')[0].partition("#")[0]
                assert not target or (path.parent / target).is_file(), (path.name, target)
        assert "http://" not in text
        assert "https://" not in text
    for lesson in texts():
        page = (folder / lesson.file).read_text("utf-8")
        for kind in ("rules", "fixes", "cards"):
            for name in lesson.belongs(kind):
                assert f'href="{kind}/{name}.html"' in page
                back = (folder / kind / f"{name}.html").read_text("utf-8")
                assert f'href="../{lesson.file}"' in back


def test_a_measurement_is_said_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.setenv("RELUME_CACHE", str(tmp_path))
    assert main(["atlas", "--measure", "learning-rate-and-death", "--seeds", "2"]) == 0
    said = capsys.readouterr()
    assert experiment("learning-rate-and-death").question in said.out
    assert "ReLU, rate 4 against ReLU, rate 0.1" in said.out
    kept = json.loads((tmp_path / "atlas" / "learning-rate-and-death.json").read_text("utf-8"))
    assert kept["seeds"] == 2


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["p44"], "unknown lesson 'p44'"),
        (["dying-rely"], "did you mean 'dying-relu'?"),
        (["--measure", "noises"], "unknown experiment 'noises'; did you mean 'noise'?"),
        (["--seeds", "3"], "--seeds is for --measure"),
        (["-o", "FILE"], "cannot be written to"),
    ],
)
def test_bad_input_is_one_sentence(
    words: list[str], answer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    words = [str(tmp_path / "file") if word == "FILE" else word for word in words]
    assert main(["atlas", *words]) == 2
    said = capsys.readouterr().err.strip()
    assert answer in said
    assert said.count("\n") == 0


def test_explain_names_the_lessons(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "input-not-centred"]) == 0
    assert "P3 Inputs off centre make the path to the optimum zig-zag" in capsys.readouterr().out
