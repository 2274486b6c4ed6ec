"""What recording costs where its own clock does not look: by the step, on the small MLP.

Behind a record: by how much longer than a plain one the recorded step and each of the next ones
take, beside what the recorder said that the record took (`AFTER` and `alpha` of the budget).

Between records: steps in the order in which they follow the start of a watch that records none,
with the watch and without, medians over the repetitions; the first ones are looked at (their loss
is read), later most are skipped (`step_schedule.loss_stride`).

    python benchmarks/hidden.py [--records 150] [--repeats 24]
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch
from overhead import MODELS, Training

import relume

APART = 60  # steps from one record to the next
SHOWN = 9  # places behind a record that are printed
STRETCHES = ((0, 16), (20, 100), (100, 600), (600, 1200), (1200, 1800))  # of steps after a start


def behind(records: int, folder: Path) -> None:
    """Print the extra time of the steps behind a record."""
    training = Training(MODELS["mlp"], time.process_time)
    with relume.watch(training.model, path=folder / "behind.sqlite", every=APART) as run:
        recorder = run._recorder
        assert recorder is not None
        training.steps(30 * APART)
        took: list[tuple[float, bool]] = []
        for _ in range(records * APART):
            before = recorder.records
            took.append((1e6 * training.steps(1), recorder.records > before))
        claimed, alpha = 1e6 * recorder.budget._cost, recorder.budget.alpha
    places = [place for place, (_, recorded) in enumerate(took) if recorded][:-1]
    after = [[took[place + k][0] for place in places] for k in range(APART)]
    plain = statistics.median(x for xs in after[APART // 2 :] for x in xs)
    extra = [statistics.median(xs) - plain for xs in after[:SHOWN]]
    shown = ", ".join(f"{x:.0f}" for x in extra)
    print(f"a plain step {plain:.0f} us; a record said {claimed:.0f} us, charged {alpha:.2f} times")
    print(f"the recorded and the next steps, us more than plain: {shown}")
    print(f"the next ones together: {sum(extra[1:]) / extra[0]:.2f} of the recorded one's")


def between(repeats: int, folder: Path) -> None:
    """Print what a watch costs that records nothing."""
    training = Training(MODELS["mlp"], time.process_time)
    run = relume.watch(training.model, path=folder / "between.sqlite", every=10**9)
    recorder = run._recorder
    assert recorder is not None
    training.steps(2000)
    recorder.pause()
    count = STRETCHES[-1][1]
    on: list[list[float]] = []
    off: list[list[float]] = []
    for _ in range(repeats):
        recorder.start()
        on.append([1e6 * training.steps(1) for _ in range(count)])
        recorder.pause()
        off.append([1e6 * training.steps(1) for _ in range(count)])
    run.close()

    def middle(runs: list[list[float]], begin: int, end: int) -> float:
        columns = list(zip(*runs, strict=True))[begin:end]
        return statistics.mean(statistics.median(column) for column in columns)

    for begin, end in STRETCHES:
        plain = middle(off, begin, end)
        more = middle(on, begin, end) - plain
        print(f"steps {begin:5} to {end:5}: {more:6.2f} us more than {plain:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=150)
    parser.add_argument("--repeats", type=int, default=24)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        behind(arguments.records, Path(folder))
        between(arguments.repeats, Path(folder))


if __name__ == "__main__":
    main()
