"""Whatever happens to the run file: one sentence, and the training goes on to the same bits."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from store_training import AT, FAULTS, train, watched

from relume.core import Fact
from relume.errors import NotATraceError, StoreError
from relume.record.run import Run
from relume.record.store import run_file


@pytest.fixture(scope="module")
def plain() -> list[str]:
    return train()[0]


def said(run: Run) -> str:
    """What reading the file says; where all of it could be read, that it might be damaged."""
    try:
        run.trace()
    except StoreError as error:
        return str(error)
    return "nothing is damaged"


@pytest.mark.parametrize("fault", FAULTS)
def test_the_training_goes_on_bit_for_bit(fault: str, tmp_path: Path, plain: list[str]) -> None:
    make, sentence = FAULTS[fault]
    told, run = watched(tmp_path / "runs" / "run.sqlite", make)
    assert told == plain
    assert re.search(sentence, " ".join(run.problems)), run.problems
    assert len(run.problems) <= 2
    assert all("\n" not in problem for problem in run.problems)
    if fault == "disk full":  # what was written before is there
        series = run.trace().series("", "loss")
        assert run.trace().meta["run"] == "run"
        assert series is None or len(series)
    if fault == "overwritten":
        sentence = said(run)
        assert "is damaged" in sentence  # unless the log beside it holds every page
        assert "\n" not in sentence


def test_the_comparison_sees_a_difference(plain: list[str]) -> None:
    """The twin: a fault that draws one random number is noticed."""
    assert train(None, lambda step, _: torch.rand(1) if step == AT else None)[0] != plain


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Generator[Path]:
    """A file system of 256 KB, where the system lets us mount one."""
    place = tmp_path / "tiny"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("no right to mount a tiny file system: a really full disk is NOT tested here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_really_full_disk(tiny_disk: Path, plain: list[str]) -> None:
    def fill(run: Run) -> None:
        free = shutil.disk_usage(tiny_disk).free
        with suppress(OSError):  # the last pages are the log's own to fight for
            (tiny_disk / "ballast").write_bytes(b"\0" * (free + 4096))
        assert shutil.disk_usage(tiny_disk).free == 0

    told, run = watched(tiny_disk / "run.sqlite", fill)
    assert told == plain
    assert "the disk is full" in " ".join(run.problems)
    assert run.trace().series("1", "post_rms") is not None, "what was written before is readable"


@pytest.mark.skipif(sys.platform != "linux", reason="needs a place nobody can write to")
def test_a_place_that_cannot_be_written(plain: list[str]) -> None:
    told, run = train(Path("/proc/relume/run.sqlite"))
    assert told == plain
    assert len(run.problems) == 1
    assert run.problems[0].startswith("cannot write the run file /proc/relume/run.sqlite: ")
    with pytest.raises(StoreError, match=r"nothing was recorded: cannot write the run file"):
        run.trace()


@pytest.fixture
def read_only(tmp_path: Path) -> Generator[Path]:
    """A folder with a run in it that may only be read; root gives up its rights meanwhile."""
    place = Path(tempfile.mkdtemp(prefix="relume-read-only-"))  # nobody cannot enter tmp_path
    made = run_file.Writer(place / "run.sqlite")
    made.meta({"run": "r"})
    made.close()
    place.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65_534)
    try:
        if os.access(place, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
            pytest.skip("this account can write anywhere: read-only folders are NOT tested here")
        yield place
    finally:
        if root:
            os.seteuid(0)
        place.chmod(0o755)
        shutil.rmtree(place)


def test_a_read_only_folder_is_said_and_read_from(read_only: Path, plain: list[str]) -> None:
    told, run = train(read_only / "new.sqlite")
    assert told == plain
    assert run.problems == (
        f"cannot write the run file {read_only}/new.sqlite: "
        "the file or its folder may not be written.",
    )
    assert run_file.read(read_only / "run.sqlite").meta["run"] == "r"  # reading needs no right


def test_a_file_that_was_never_written_to_is_said_to_be_empty(tmp_path: Path) -> None:
    (tmp_path / "run.sqlite").touch()
    with pytest.raises(NotATraceError, match=r"run\.sqlite is empty"):
        run_file.read(tmp_path / "run.sqlite")


@pytest.mark.parametrize("part", ["head", "middle", "cut"])
def test_damage_of_any_part_is_one_sentence(part: str, tmp_path: Path) -> None:
    path = tmp_path / "run.sqlite"
    made = run_file.Writer(path)
    for step in range(400):
        made.record(step, tuple((f"s{i}", "x") for i in range(100)), [float(step)] * 100)
    made.fact(Fact("end"))
    made.close()
    data = bytearray(path.read_bytes())
    if part == "head":
        data[18:90] = os.urandom(72)
    elif part == "middle":
        data[8192:60_000] = b"\xa5" * (60_000 - 8192)
    else:
        del data[len(data) // 2 :]
    path.write_bytes(data)
    with pytest.raises(StoreError) as caught:
        run_file.read(path)
    assert "\n" not in str(caught.value)
    assert "run.sqlite" in str(caught.value)
