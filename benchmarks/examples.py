"""Every example over seeds 0 to 4: how it ends, and what relume says about it.

Each row is one `relume run` of an unchanged script in its own process, on one thread. The end
loss and score are read from the script's last line. The last table counts the dead units of
digits_high_lr.py without relume: the trained model sees the whole training set once more, and a
unit is dead if it gives 0 on every row. examples/README.md quotes the tables.
"""

import argparse
import io
import json
import os
import re
import runpy
import statistics
import subprocess
import sys
import tempfile
from collections import deque
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
EPOCH = 23  # steps in an epoch of 1437 rows, 64 a batch: they are the whole training set
LAST = re.compile(r"loss +(\S+) +test (?:accuracy|R2) +(\S+)")


@dataclass(frozen=True, slots=True)
class Result:
    """One run: what the script printed at its end, and the diagnosis as JSON."""

    loss: float
    score: float
    diagnosis: dict

    @property
    def serious(self):
        """The roots of `warning` or above, as `CODE@site severity`."""
        roots = set(self.diagnosis["roots"])
        return [
            f"{finding['key']} {finding['severity']}"
            for finding in self.diagnosis["findings"]
            if finding["key"] in roots and finding["severity"] in ("warning", "error")
        ]


def run(script, seed):
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "relume", "run", "--dir", folder, "--exit-zero", "--quiet"]
        command += ["--output-format", "json", "-o", f"{folder}/diagnosis.json"]
        done = subprocess.run(
            [*command, str(script), "--seed", str(seed)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        diagnosis = json.loads(Path(folder, "diagnosis.json").read_text("utf-8"))
    loss, score = LAST.findall(done.stdout)[-1]
    return Result(float(loss), float(score), diagnosis)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("scripts", nargs="*", type=Path, help="all examples if none is named")
    args = parser.parse_args()

    print("| script | seed | end loss | test score | ok | outcome | roots of warning or above |")
    print("|---|---|---|---|---|---|---|")
    summary = []
    for script in args.scripts or sorted((ROOT / "examples").glob("*.py")):
        results = [run(script, seed) for seed in range(args.seeds)]
        for seed, result in enumerate(results):
            ok, outcome = result.diagnosis["ok"], result.diagnosis["outcome"]["name"]
            roots = ", ".join(result.serious) or "none"
            row = f"| {script.name} | {seed} | {result.loss:.4f} | {result.score:.3f} "
            print(f"{row}| {ok} | {outcome} | {roots} |", flush=True)
        summary.append((script.name, results))

    print("\n| script | end loss, median (least to most) | test score | ok |")
    print("|---|---|---|---|")
    for name, results in summary:
        losses = sorted(result.loss for result in results)
        scores = sorted(result.score for result in results)
        fine = sum(result.diagnosis["ok"] for result in results)
        print(f"| {name} | {spread(losses)} | {spread(scores)} | {fine} of {len(results)} |")

    print("\n| digits_high_lr.py, seed | dead in fc1 | fc2 | fc3 | steps in the last epoch |")
    print("|---|---|---|---|---|")
    for seed in range(args.seeds):
        shares, steps = dead_shares(ROOT / "examples" / "digits_high_lr.py", seed)
        print(f"| {seed} | {' | '.join(f'{share:.2f}' for share in shares)} | {steps} |")


def dead_shares(script, seed):
    """Share of units that are 0 on all rows of the last epoch, by layer, and its steps."""
    import torch

    torch.set_num_threads(1)
    names = runpy.run_path(str(script))
    forward, batches, models = names["MLP"].forward, deque(maxlen=EPOCH), set()

    def spied(self, x):
        if torch.is_grad_enabled():
            batches.append(x)
            models.add(self)
        return forward(self, x)

    names["MLP"].forward = spied
    sys.argv = [str(script), "--seed", str(seed)]
    with redirect_stdout(io.StringIO()):
        names["main"]()
    (model,) = models
    x, shares = torch.cat(list(batches)), []
    with torch.no_grad():
        for layer in (model.fc1, model.fc2, model.fc3):
            x = torch.relu(layer(x))  # (rows, units)
            shares.append((x == 0).all(dim=0).float().mean().item())
    return shares, len(batches)


def spread(values):
    return f"{statistics.median(values):.3f} ({values[0]:.3f} to {values[-1]:.3f})"


if __name__ == "__main__":
    main()
