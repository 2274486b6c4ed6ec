"""A small training to the last bit, and what can happen to its run file meanwhile.

Shared by the tests of the store and by `tests/record/zoo_table.py`, which makes the tables in
docs/zoo.md.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import torch

import relume
from relume.record.run import Run

STEPS = 30
AT = 10  # the step after which the fault is made


def train(
    path: Path | None = None,
    between: Callable[[int, Run], object] = lambda step, run: None,
) -> tuple[list[str], Run]:
    """Losses and weights of a small training to the last bit, recorded if there is a path."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    run = Run(None) if path is None else relume.watch(model, path=path, every=1)
    told: list[str] = []
    for step in range(STEPS):
        loss = (model(torch.randn(16, 8)) - 1).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        told.append(loss.item().hex())
        between(step, run)
    run.close()
    return told + [str(p.tolist()) for p in model.parameters()], run


def watched(path: Path, fault: Callable[[Run], object]) -> tuple[list[str], Run]:
    """The training recorded; the fault comes after step `AT`."""
    return train(path, lambda step, run: fault(run) if step == AT else None)


def full_disk(run: Run) -> None:
    assert run._recorder is not None
    db = run._recorder.writer._db
    db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}")


def deleted(run: Run) -> None:
    assert run.path is not None
    for file in run.path.parent.glob(f"{run.path.name}*"):
        file.unlink()


def folder_deleted(run: Run) -> None:
    assert run.path is not None
    shutil.rmtree(run.path.parent)


def overwritten(run: Run) -> None:
    assert run.path is not None
    run.path.write_bytes(b"\xff" * 100_000)


def raising(run: Run) -> None:
    assert run._recorder is not None
    run._recorder.writer._db.close()


FAULTS = {
    "disk full": (full_disk, r"cannot write the run file .*run\.sqlite: the disk is full\."),
    "deleted": (deleted, r"the run file .*run\.sqlite was deleted or moved|deleted or moved\."),
    "folder deleted": (folder_deleted, r"was deleted or moved|there is no folder"),
    "overwritten": (overwritten, r"^$|run\.sqlite"),
    "closed under it": (raising, r"cannot write the run file .*: Cannot operate on a closed"),
}
