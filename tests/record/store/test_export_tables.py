"""A recording as CSV and Parquet holds what the recording holds."""

import csv
import json
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import relume
from relume.cli.app import main


@pytest.fixture
def run(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 1))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with relume.watch(model, path=tmp_path / "run.sqlite", every=1):
        for _ in range(5):
            loss = model(torch.randn(8, 4)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return tmp_path / "run.sqlite"


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_csv_holds_every_number(run: Path, tmp_path: Path) -> None:
    assert main(["export", str(run), "-o", str(tmp_path / "out")]) == 0
    trace = relume.load(run).trace()
    series = rows(tmp_path / "out" / "series.csv")
    found = {(r["site"], r["stat"], int(r["step"])): float(r["value"]) for r in series}
    for (site, stat), one in trace.table.items():
        for step, value in zip(one.steps.tolist(), one.values.tolist(), strict=True):
            got = found.pop((site, stat, step))
            assert got == value or (got != got and value != value)
    assert not found
    assert [r["name"] for r in rows(tmp_path / "out" / "sites.csv")] == [
        s.name for s in trace.sites
    ]
    units = rows(tmp_path / "out" / "units.csv")
    active = sum(float(r["value"]) for r in units if r["field"] == "active")
    assert active == sum(float(w.fields["active"].sum()) for w in trace.windows("1"))
    facts = rows(tmp_path / "out" / "facts.csv")
    assert [json.loads(r["data"]) for r in facts] == [dict(f.data) for f in trace.facts]


def test_nothing_is_overwritten_or_left_half(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "sites.csv").write_text("mine")
    assert main(["export", str(run), "-o", str(out)]) == 2
    assert "sites.csv exists already" in " ".join(capsys.readouterr().err.split())
    assert [file.name for file in out.iterdir()] == ["sites.csv"]
    assert main(["export", str(run), "-o", str(run / "below a file")]) == 2
    assert "cannot write the tables" in " ".join(capsys.readouterr().err.split())


def test_a_form_that_is_not_there(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["export", str(run), "--to", "xlsx"]) == 2
    assert "--to is 'xlsx'; it is csv, parquet, tensorboard, wandb" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main(["export", str(run), "--to", "parquet"]) == 2
    assert "Parquet needs pyarrow" in " ".join(capsys.readouterr().err.split())


def test_parquet(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="the parquet extra is not installed")
    import pyarrow.parquet as parquet

    assert main(["export", str(run), "-o", str(tmp_path / "out"), "--to", "parquet"]) == 0
    table = parquet.read_table(tmp_path / "out" / "series.parquet")
    trace = relume.load(run).trace()
    assert table.num_rows == sum(len(one) for one in trace.table.values())
