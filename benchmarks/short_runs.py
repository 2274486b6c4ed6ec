"""What short runs pay: a script under `relume run` against the same script under python.

An MLP with steps of some 0.4 ms on a quiet core is trained for as long as plain python needs for 3,
10 and 60 seconds. The two take turns; the medians and their difference are printed, for the wall
and for the processor. The difference holds everything: start, recording, diagnosis and report.

    python benchmarks/short_runs.py [--times 3] [--seconds 3,10,60]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCRIPT = """
import sys, time, torch
from torch import nn
torch.manual_seed(0); torch.set_num_threads(1)
layers = [nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10)]
model = nn.Sequential(*layers)
x = torch.randn(4096, 64); y = (x @ torch.randn(64, 10)).argmax(1)
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
begin = time.perf_counter()
for step in range(int(sys.argv[1])):
    rows = torch.arange(64 * step, 64 * step + 64) % 4096
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    optimizer.zero_grad(); loss.backward(); optimizer.step()
print("took", time.perf_counter() - begin)
"""
PROBE = 2_000  # steps from which the time of one is known


def once(words: list[str], folder: Path) -> tuple[float, float, float]:
    """Wall and processor seconds of a process, and the seconds of its loop."""
    before, begin = os.times(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, capture_output=True, text=True, check=False
    )
    wall, after = time.perf_counter() - begin, os.times()
    used = after.children_user - before.children_user + after.children_system
    took = next(line for line in done.stdout.splitlines() if line.startswith("took"))
    return wall, used - before.children_system, float(took.split()[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--seconds", default="3,10,60")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "train.py").write_text(SCRIPT, "utf-8")
        each = once(["train.py", str(PROBE)], folder)[2] / PROBE
        print(f"a step takes {1e3 * each:.2f} ms")
        for seconds in map(float, arguments.seconds.split(",")):
            steps = str(round(seconds / each))
            plain, ours = [], []
            for _ in range(arguments.times):
                plain.append(once(["train.py", steps], folder))
                ours.append(once(["-m", "relume", "run", "train.py", steps], folder))
            wall, used, loop = (
                (statistics.median(o[i] for o in ours), statistics.median(p[i] for p in plain))
                for i in range(3)
            )
            print(
                f"{steps} steps: loop {loop[1]:.2f} -> {loop[0]:.2f} s, process {wall[1]:.2f} -> "
                f"{wall[0]:.2f} s, processor {used[1]:.2f} -> {used[0]:.2f} s"
            )


if __name__ == "__main__":
    main()
