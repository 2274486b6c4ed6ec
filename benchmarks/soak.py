"""Long and large recordings: memory and file over many steps, wide and deep models, full folders.

    python benchmarks/soak.py [--seconds 200] [--steps 1000000]

`--seconds` bounds the long run: what was reached is printed. The other parts take about a minute.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

import torch
from torch import Tensor, nn

import relume
from relume.record.store import run_file

PAGE = resource.getpagesize()
POINTS = 8  # of the long run


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=200.0)
    parser.add_argument("--steps", type=int, default=1_000_000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        long_run(Path(folder), options.steps, options.seconds)
        many_modules(Path(folder))
        many_units(Path(folder))
        full_folder(Path(folder))
        clock_back(Path(folder))


def memory() -> float:
    """Resident memory now, in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6


def step(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def long_run(folder: Path, steps: int, seconds: float) -> None:
    """Memory and file along one long training."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    x = torch.randn(32, 8)
    y = x[:, :3].argmax(1)
    path = folder / "long.sqlite"
    print("| steps | memory, MB | file, MB | records |\n|---|---|---|---|")
    begun = told = time.monotonic()
    with relume.watch(model, path=path) as run:
        for number in range(1, steps + 1):
            step(model, optimizer, x, y)
            now = time.monotonic()
            if now - told >= seconds / POINTS or number == steps or now - begun > seconds:
                told = now
                size = sum(each.stat().st_size for each in folder.glob("long.sqlite*")) / 1e6
                records = run_file.meta(path).get("records", "")
                print(f"| {number:,} | {memory():.1f} | {size:.2f} | {records} |", flush=True)
            if now - begun > seconds:
                break
        problems = run.problems
    begun = time.monotonic()
    verdict = relume.load(path).diagnose().verdict
    print(f"problems: {len(problems)}; diagnosed in {time.monotonic() - begun:.2f} s: {verdict}")


def many_modules(folder: Path) -> None:
    """A model of 3,000 modules."""
    parts = [part for _ in range(1500) for part in (nn.Linear(8, 8), nn.ReLU())]
    model = nn.Sequential(*parts, nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    x, y = torch.randn(16, 8), torch.randint(3, (16,))
    plain = timed(lambda: [step(model, optimizer, x, y) for _ in range(6)])
    path = folder / "deep.sqlite"
    with relume.watch(model, path=path) as run:
        ours = timed(lambda: [step(model, optimizer, x, y) for _ in range(6)])
        problems = run.problems
    judged = timed(lambda: relume.load(path).diagnose())
    print(
        f"3,001 modules: 6 steps {plain:.1f} s plain, {ours:.1f} s recorded (all belong to "
        f"the start); file {path.stat().st_size / 1e6:.1f} MB; diagnosed in {judged:.1f} s; "
        f"problems: {len(problems)}"
    )


def many_units(folder: Path) -> None:
    """A layer of 1,000,000 units."""
    model = nn.Sequential(nn.Linear(2, 1_000_000), nn.ReLU(), nn.Linear(1_000_000, 3))
    optimizer = torch.optim.SGD(model.parameters(), 1e-4)
    x, y = torch.randn(4, 2), torch.randint(3, (4,))
    path, before = folder / "wide.sqlite", memory()
    step(model, optimizer, x, y)
    plain = memory()
    with relume.watch(model, path=path, every=1) as run:
        seconds = timed(lambda: [step(model, optimizer, x, y) for _ in range(12)])
        peak, problems = memory(), run.problems
    print(
        f"1,000,000 units: 12 recorded steps {seconds:.1f} s; memory {before:.0f} MB, "
        f"{plain:.0f} MB after a plain step, {peak:.0f} MB recorded; "
        f"file {path.stat().st_size / 1e6:.0f} MB; "
        f"problems: {len(problems)}"
    )


def full_folder(folder: Path) -> None:
    """500 runs in a folder."""
    runs = folder / "runs"
    runs.mkdir()
    for number in range(500):
        shutil.copyfile(folder / "deep.sqlite" if number % 100 == 0 else folder / "long.sqlite",
                        runs / f"{number:03}.sqlite")  # fmt: skip
    command = [sys.executable, "-m", "relume", "runs", "--dir", str(runs)]
    done: list[subprocess.CompletedProcess[str]] = []
    seconds = timed(
        lambda: done.append(
            subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
        )
    )
    print(f"500 runs in a folder: `relume runs` {seconds:.1f} s, exit {done[0].returncode}")


def clock_back(folder: Path) -> None:
    """A wall clock that jumps back by a day while a run is recorded."""
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    x, y = torch.randn(32, 8), torch.randint(3, (32,))
    with relume.watch(model, path=folder / "clock.sqlite") as run:
        for number in range(400):
            back = time.time() - 86_400 if number > 200 else time.time()
            with (
                mock.patch("time.time", lambda now=back: now),
                mock.patch("relume.record.recorder.time", lambda now=back: now),
            ):
                step(model, optimizer, x, y)
        problems = run.problems
    steps = run_file.meta(folder / "clock.sqlite")["steps"]
    print(f"a clock that jumps back a day: {steps} of 400 steps; problems: {len(problems)}")


def timed(action: object) -> float:
    begun = time.monotonic()
    action()  # type: ignore[operator]
    return time.monotonic() - begun


if __name__ == "__main__":
    main()
