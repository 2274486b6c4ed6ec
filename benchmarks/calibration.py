"""How often a trial says "gain" where there is none, and how often it finds one that is there.

    python benchmarks/calibration.py             # simulated and real: the table of docs/proof.md
    python benchmarks/calibration.py --real 0    # simulated only
    python benchmarks/calibration.py --simulated 200 --real 20   # in a few minutes

Simulated: whole trials by the rules of `relume fix` (three candidates, Holm, fresh seeds for the
winner), on noise of four shapes, with a tenth of all runs breaking down. Real: a network on
handwritten digits against itself, where the second arm has other seeds than the first, so that the
pairs differ by all the noise that training has. A third of the table is the power: a gain of known
size, planted.

Unlike shapes: the arms have noise of two different shapes, shifted so that each wins half of the
pairs, or so that their means are equal. The second is no null of the sign test: its rate says how
often five pairs take a typical gain for one of the mean.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "trial"))
sys.path.insert(0, str(HERE.parent / "tests" / "cases"))

from fake_runner import FakeRunner, Rare  # noqa: E402
from zoo_run import wilson  # noqa: E402

from relume.core.trial import Arm, Objective, Trial, TrialRun  # noqa: E402
from relume.trial.compare_acts import seeds_for  # noqa: E402
from relume.trial.judge.paired_tests import confirmation_share, fresh_pairs, power  # noqa: E402
from relume.trial.judge.verdict import PROVEN, judge  # noqa: E402
from relume.trial.paired_trial import BASE, run_paired_trial  # noqa: E402
from relume.trial.scheduler import ExecutionPlace, TrialRunner, TrialSetting, program_of  # noqa: E402

NOISES = {
    "normal": lambda rng: float(rng.normal(0, 0.2)),
    "heavy tails (t, 2 degrees)": lambda rng: float(0.1 * rng.standard_t(2)),
    "skewed (log-normal)": lambda rng: float(0.1 * rng.lognormal(0, 1)),
    "two levels (1 in 5 worse)": lambda rng: float(rng.choice([0.0, 1.0], p=[0.8, 0.2])),
}
SCRIPT = """
import sklearn.datasets
import torch
torch.manual_seed(0)
data = sklearn.datasets.load_digits()
x = torch.tensor(data.data, dtype=torch.float32) / 16
y = torch.tensor(data.target)
model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
optimizer = torch.optim.SGD(model.parameters(), 0.2)
for step in range(60):
    pick = torch.randint(len(x), (32,))
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(model(x[pick]), y[pick]).backward()
    optimizer.step()
"""


def row(what: str, hits: int, count: int, expected: str) -> None:
    low, high = wilson(hits, count)
    share = f"{100 * hits / count:.1f} %"
    interval = f"{100 * low:.1f} to {100 * high:.1f} %"
    print(f"| {what} | {count} | {hits} | {share} | {interval} | {expected} |", flush=True)


def tried(runner: FakeRunner, candidates: int) -> Trial:
    arms = [Arm("candidate"), *(Arm(f"other-{k}") for k in range(candidates - 1))]
    return run_paired_trial(runner, arms, "is it better?")  # type: ignore[arg-type]


def simulated(count: int) -> None:
    for name, noise in NOISES.items():
        runners = (FakeRunner(noise, trial=k, broken={"": 0.1}) for k in range(count))
        hits = sum(any(v.word == PROVEN and v.fresh for v in tried(c, 3).verdicts) for c in runners)
        row(f"identical arms, {name}: proven", hits, count, "at most 5 %")
    for name, noise in NOISES.items():
        hits = 0
        for k in range(count):
            runner = FakeRunner(noise, trial=k)
            runner.run([BASE, Arm("candidate")], range(5))
            found = judge([Arm("candidate")], "base", runner.runs, range(5), Objective())
            hits += found[0].word == PROVEN
        row(f"identical arms, {name}, five pairs only: better", hits, count, "at most 5 %")
    several(count)
    spread = 0.2 * float(np.sqrt(2))
    for size in (1.0, 2.0, 3.0):
        hits = 0
        for k in range(count):
            runner = FakeRunner(NOISES["normal"], {"candidate": size * spread}, trial=k)
            runner.run([BASE, Arm("candidate")], range(5))
            found = judge([Arm("candidate")], "base", runner.runs, range(5), Objective())
            hits += found[0].word == PROVEN
        stated = f"{100 * power(5, size):.0f} % stated"
        row(f"a gain of {size:g} standard deviations, five pairs: found", hits, count, stated)

    struck = hits = 0
    for k in range(count):
        runner = Rare(NOISES["normal"], trial=k)
        found = tried(runner, 1).verdict("candidate")
        first = [runner.runs["base", k].value for k in range(5) if ("base", k) in runner.runs]
        if len(first) == 5 and first.count(Rare.RUINED) == 1:
            struck += 1
            hits += found is not None and found.word == PROVEN
    row("a fault that ruins 1 run in 5, and struck once in the first five: found", hits, struck, "")


def several(count: int) -> None:
    """Six acts in one comparison, and three winners confirmed in a row; any effect counts."""
    acts = [Arm(f"act-{k}") for k in range(6)]
    pairs = seeds_for(len(acts))
    for name, noise in NOISES.items():
        hits = 0
        for k in range(count):
            runner = FakeRunner(noise, trial=k)
            runner.run([BASE, *acts], range(pairs))
            found = judge(acts, "base", runner.runs, range(pairs), Objective(), least=0.0)
            hits += any(one.word == PROVEN for one in found)
        row(f"six identical acts, {pairs} pairs, {name}: any better", hits, count, "at most 5 %")
    hits = 0
    for k in range(count):
        words: list[str] = []
        for number in (1, 2, 3):
            runner = FakeRunner(NOISES["normal"], trial=count * number + k)
            seeds = range(fresh_pairs(5, number))
            runner.run([BASE, acts[0]], seeds)
            share = confirmation_share(number)
            found = judge(acts[:1], "base", runner.runs, seeds, Objective(), least=0, share=share)
            words += [found[0].word]
        hits += PROVEN in words
    row("three identical winners confirmed in a row: any proven", hits, count, "at most 5 %")


def unlike(count: int) -> None:
    rng = np.random.default_rng(0)
    long = {name: np.array([noise(rng) for _ in range(20_000)]) for name, noise in NOISES.items()}
    for centre in (np.median, np.mean):
        hits = many = 0
        for one, base in long.items():
            for other, arm in long.items():
                if one == other:
                    continue
                shift = float(centre(rng.permutation(base) - rng.permutation(arm)))
                for _ in range(count):
                    runs = {}
                    for name, noise, at in (("base", base, shift), ("candidate", arm, 0.0)):
                        for k, value in enumerate(10 + rng.choice(noise, 5) - at):
                            runs[name, k] = TrialRun(name, k, float(value))
                    found = judge(
                        [Arm("candidate")], "base", runs, range(5), Objective(), least=0.0
                    )
                    hits += found[0].word == PROVEN
                    many += 1
        what = "win half of the pairs" if centre is np.median else "equal means"
        row(f"unlike shapes, {what}, five pairs only: better", hits, many, "at most 5 %")


def real(count: int, folder: Path, jobs: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "digits.py"
    script.write_text(SCRIPT)
    runner = TrialRunner(
        TrialSetting(program_of(str(script), ()), folder=folder, where=ExecutionPlace(jobs=jobs))
    )
    runner.run([BASE], range(10 * count))
    hits = 0
    for trial in range(count):
        first = 10 * trial
        runs = {("base", k): runner.runs["base", first + k] for k in range(5)}
        runs |= {("candidate", k): runner.runs["base", first + 5 + k] for k in range(5)}
        found = judge([Arm("candidate")], "base", runs, range(5), Objective())
        hits += found[0].word == PROVEN
    row("identical arms, digits, other seeds, five pairs only: better", hits, count, "at most 5 %")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--simulated", type=int, default=400)
    parser.add_argument("--real", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--dir", type=Path, default=Path(".relume/calibration"))
    args = parser.parse_args()
    print("| what | trials | said | share | 95 % interval | wanted |\n|---|---|---|---|---|---|")
    if args.simulated:
        simulated(args.simulated)
        unlike(args.simulated // 4)
    if args.real:
        real(args.real, args.dir.absolute(), args.jobs)


if __name__ == "__main__":
    main()
