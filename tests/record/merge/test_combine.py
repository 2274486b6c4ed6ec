"""Ranks combined are what one process over all samples would have recorded."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import relume
from relume.cli.app import main
from relume.core import Trace
from relume.record.merge.merge_series import RankPart
from relume.record.merge.merge_traces import merge
from relume.record.store import run_file

SCRIPT = """
import os, torch
from torch import nn

world = int(os.environ.get("WORLD_SIZE", "1"))
rank = int(os.environ.get("RANK", "0"))
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 16), nn.GELU(), nn.Linear(16, 3))
model.double()
if world > 1:
    torch.distributed.init_process_group("gloo")
    model = nn.parallel.DistributedDataParallel(model)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
made = torch.Generator().manual_seed(1)
for step in range(12):
    x = torch.randn(32, 6, generator=made, dtype=torch.float64) + 0.3
    y = torch.randint(0, 3, (32,), generator=made)
    mine = slice(rank * 32 // world, (rank + 1) * 32 // world)
    loss = nn.functional.cross_entropy(model(x[mine]), y[mine])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
if world > 1:
    torch.distributed.destroy_process_group()
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Trace, list[Path]]:
    """The recording of one process, and of two that torchrun starts, over the same samples."""
    folder = tmp_path_factory.mktemp("ranks")
    script = folder / "train.py"
    script.write_text(SCRIPT)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
    torchrun = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", port]
    runs = [
        subprocess.Popen(
            [
                *(sys.executable, *launcher, "-m", "relume", "run", "--every", "1", "--isolated"),
                *("--dir", str(folder / kind), str(script)),
            ],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for kind, launcher in (("one", []), ("two", torchrun))
    ]
    for run in runs:
        _, err = run.communicate(timeout=120)
        assert run.returncode in (0, 1), err[-2000:]
    assert "this is rank 0 of 2; 'relume combine' merges" in " ".join(err.split())
    (one,) = run_file.runs(folder / "one")
    return run_file.read(one), run_file.runs(folder / "two")


def test_merged_statistics_are_those_of_one_process(
    recorded: tuple[Trace, list[Path]], tmp_path: Path
) -> None:
    one, files = recorded
    out = tmp_path / "all.sqlite"
    assert len(files) == 2
    assert main(["combine", *map(str, files), "-o", str(out)]) == 0
    two = relume.load(out).trace()
    assert [site.name for site in two.sites] == [site.name for site in one.sites]
    apart: dict[tuple[str, str], float] = {}
    for (site, stat), series in two.table.items():
        if stat in ("step_seconds", "rows", "samples"):
            continue
        truth = one.series(site, stat)
        assert truth is not None, (site, stat)
        at = np.isin(truth.steps, series.steps)
        size = np.maximum(np.abs(truth.values[at]), 1e-2)  # a mean near 0 is a difference
        apart[site, stat] = float((np.abs(series.values - truth.values[at]) / size).max())
    # sums are taken in float32, in another order
    assert max(apart.values()) < 1e-6, sorted(apart.items(), key=lambda kv: -kv[1])[:4]
    wanted = {"post_mean", "post_rms", "pre_rms", "zero_slope_share", "grad_pre_rms", "loss"}
    assert wanted <= {stat for _, stat in apart}


def test_counts_are_exact(recorded: tuple[Trace, list[Path]], tmp_path: Path) -> None:
    one, files = recorded
    out = tmp_path / "all.sqlite"
    assert main(["combine", *map(str, files), "-o", str(out)]) == 0
    two = relume.load(out).trace()
    for site, windows in two.units.items():
        truth = one.windows(site)
        if not any("active" in w.fields for w in windows):
            continue
        for name in ("active", "low", "high"):
            mine = sum(w.fields[name] for w in windows)
            assert np.array_equal(mine, sum(w.fields[name] for w in truth)), (site, name)
        assert sum(w.samples for w in windows) == sum(w.samples for w in truth)


def test_a_merge_that_forgot_a_rank_is_caught(recorded: tuple[Trace, list[Path]]) -> None:
    one, files = recorded
    wrong = merge([RankPart(run_file.read(files[0]))] * 2, ranked=True).trace
    right, mine = one.series("1", "post_mean"), wrong.series("1", "post_mean")
    assert right is not None
    assert mine is not None
    assert np.abs(right.values - mine.values).max() > 1e-3


def test_the_newest_job_of_a_folder_is_combined_and_nothing_is_overwritten(
    recorded: tuple[Trace, list[Path]], capsys: pytest.CaptureFixture[str]
) -> None:
    _, files = recorded
    folder = str(files[0].parent)
    assert main(["combine", "--dir", folder, "-o", str(files[0].parent / "x.sqlite")]) == 0
    assert "ranks 0, 1 of 2" in capsys.readouterr().err
    assert main(["combine", "--dir", folder, "-o", str(files[0].parent / "x.sqlite")]) == 2
    assert "exists already; name another file with -o" in capsys.readouterr().err


def test_what_does_not_belong_together_is_refused(
    recorded: tuple[Trace, list[Path]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, files = recorded
    cases = [
        ([str(files[0])], "1 run was given to combine"),
        (["--dir", str(tmp_path)], "no run of several ranks in"),
        ([str(files[0]), str(tmp_path / "none.sqlite")], "none.sqlite"),
    ]
    for arguments, sentence in cases:
        assert main(["combine", *arguments]) == 2
        assert sentence in " ".join(capsys.readouterr().err.split())


DIES = """
import os, signal, torch
from torch import nn

rank = int(os.environ["RANK"])
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), 0.1)
made = torch.Generator().manual_seed(1 + rank)
for step in range(400):
    x = torch.randn(16, 6, generator=made)
    loss = nn.functional.cross_entropy(model(x), x.argmax(1) % 3)
    optimizer.zero_grad()
    loss.backward()
    for parameter in model.parameters():
        parameter.grad *= 0.0  # ranks that talk to nobody hold the same weights
    optimizer.step()
    if rank == 1 and step == 250:
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_rank_that_dies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What both ranks recorded is combined, and what the dead one took with it is said."""
    script, folder = tmp_path / "train.py", tmp_path / "runs"
    script.write_text(DIES)
    command = [sys.executable, "-m", "relume", "run", "--isolated", "--dir", str(folder)]
    shared = {"WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "one", "OMP_NUM_THREADS": "1"}
    for rank, ends in ((0, (0, 1)), (1, (-signal.SIGKILL,))):
        run = subprocess.run(
            [*command, str(script)],
            env={**os.environ, **shared, "RANK": str(rank)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode in ends, run.stderr[-2000:]
    whole, dead = sorted(run_file.runs(folder), key=lambda path: run_file.meta(path)["rank"])
    assert run_file.meta(whole)["steps"] == 400
    assert 100 <= run_file.meta(dead)["steps"] <= 251  # but for the last half second
    assert run_file.meta(dead)["ended"] == "killed 137"
    out = tmp_path / "all.sqlite"
    assert main(["combine", str(whole), str(dead), "-o", str(out)]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "a rank was killed before it could keep what this is made from" in said
    both = relume.load(out).trace()
    assert both.meta["ended"] == "killed 137"  # and not as rank 0 did
    share = both.series("1", "zero_slope_share")
    assert share is not None
    assert 100 <= share.steps[-1] <= 250  # nothing is made up of one rank alone
    assert main(["diagnose", "--isolated", str(out)]) in (0, 1)
