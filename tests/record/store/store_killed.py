"""Processes that write a run file and are killed at random moments; run by `test_store_kill.py`.

    python store_killed.py training|writing FOLDER COUNT SEED

torch is imported once; every child is a fork. Each notes in a file beside its run, with one
unbuffered write, what it had completed: ``opened``, each step, ``closed``. So nothing that stands
there may be missing in the run.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

import relume
from relume.record.store import retention, run_file
from relume.record.store.retention import Bounds

TRAINING_STEPS, WRITING_STEPS = 60, 3_000
BOUNDS = Bounds(whole=64, tail=16, stretches=2, chunks=16)  # so that thinning is at work
KEYS = (("fc1", "post_mean"), ("fc2", "post_mean"))


def value(step: int) -> float:
    """What is written at a step: no two neighbours alike."""
    return float((step * 7_919) % 1_009)


def training(path: Path, log: int) -> None:
    """A watched training, to its end."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1))
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    run = relume.watch(model, path=path, every=1)
    os.write(log, b"opened\n")
    for step in range(TRAINING_STEPS):
        loss = (model(torch.randn(16, 8)) - 1).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        os.write(log, b"%d\n" % step)
    run.close()
    os.write(log, b"closed\n")


def writing(path: Path, log: int) -> None:
    """The writer alone, fast, and thinning all the time."""
    writer = run_file.Writer(path)
    os.write(log, b"opened\n")
    for step in range(WRITING_STEPS):
        writer.record(step, KEYS, [value(step), float(step)])
        writer.steps([(step, value(step), 0.1, 0.01)])
        os.write(log, b"%d\n" % step)
    writer.close()
    os.write(log, b"closed\n")


def main(kind: str, folder: Path, count: int, seed: int) -> None:
    """Start `count` children one after the other, and kill each at a random moment."""
    torch.set_num_threads(1)
    retention.record_bounds = lambda series: BOUNDS
    work = {"training": training, "writing": writing}[kind]
    draw = random.Random(seed)
    work(folder / "warm.sqlite", os.open(os.devnull, os.O_WRONLY))  # what is imported late
    life = 0.0
    for number in range(-1, count):  # the first lives to its end: so long lives a child
        begun = time.perf_counter()
        child = os.fork()
        if child == 0:
            flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND
            try:
                work(folder / f"{number}.sqlite", os.open(folder / f"{number}.log", flags))
            finally:
                os._exit(0)
        if number < 0:
            os.waitpid(child, 0)
            life = time.perf_counter() - begun
            continue
        time.sleep(life * draw.random())
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
