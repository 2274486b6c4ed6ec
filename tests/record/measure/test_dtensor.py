"""Sharded parameters (`fully_shard`): each rank reads its own, and combined they are the whole."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import relume
from relume.core import Trace
from relume.record.merge.combine import combine

SCRIPT = """
import os, sys, torch
from torch import nn
import relume

world, rank = (int(os.environ.get(name, d)) for name, d in (("WORLD_SIZE", "1"), ("RANK", "0")))

def train(kind):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 5), nn.GELU(), nn.Linear(5, 3))
    model.double()
    for layer in (model[0], model[2], model) if world > 1 else ():
        torch.distributed.fsdp.fully_shard(layer, reshard_after_forward=kind == "freed")
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    made = torch.Generator().manual_seed(1)
    with relume.watch(model, path=f"{sys.argv[1]}/{kind}-{rank}.sqlite", every=1) as run:
        for step in range(6):
            x = torch.randn(32, 6, generator=made, dtype=torch.float64) + 0.3
            y = torch.randint(0, 3, (32,), generator=made)
            mine = slice(rank * 32 // world, (rank + 1) * 32 // world)
            loss = nn.functional.cross_entropy(model(x[mine]), y[mine])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert run.problems == (), run.problems

if world == 1:
    train("one")
else:
    import torch.distributed.fsdp
    torch.distributed.init_process_group("gloo")
    train("freed")
    train("kept")
    torch.distributed.destroy_process_group()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the recordings of one process are, and those of two that hold half each."""
    folder = tmp_path_factory.mktemp("shards")
    script = folder / "train.py"
    script.write_text(SCRIPT)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
    both = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
    ranks = [{**both, "MASTER_PORT": port, "RANK": str(rank)} for rank in range(2)]
    runs = [
        subprocess.Popen(
            [sys.executable, str(script), str(folder)],
            env={**os.environ, **extra},
            stderr=subprocess.PIPE,
            text=True,
        )
        for extra in ({}, *ranks)
    ]
    for run in runs:
        _, err = run.communicate(timeout=120)
        assert run.returncode == 0, err[-3000:]
    return folder


@pytest.fixture(params=["freed", "kept"])
def recorded(request: Any, folder: Path) -> tuple[str, Trace, list[Path]]:
    kind = str(request.param)
    files = [folder / f"{kind}-{rank}.sqlite" for rank in range(2)]
    return kind, relume.load(folder / "one-0.sqlite").trace(), files


def places(trace: Trace) -> list[tuple[str, str, str]]:
    return [(s.name, s.act, s.layer) for s in trace.sites_of("act")]


def test_acts_and_parameters_of_each_rank(recorded: Any) -> None:
    kind, one, files = recorded
    names = [site.name for site in one.sites_of("parameter")]
    for path in files:
        trace = relume.load(path).trace()
        assert places(trace) == places(one) == [("1", "relu", "0"), ("3", "gelu", "2")]
        assert [site.name for site in trace.sites_of("parameter")] == names, "in forward order"
        for site in trace.sites_of("parameter"):
            for stat in ("weight_norm", "grad_norm", "update_ratio"):
                series = trace.series(site.name, stat)
                assert series is not None, (site.name, stat)
                assert series.steps.tolist() == list(range(6))
        said = [fact.data["operation"] for fact in trace.facts_of("opaque")]
        assert said == (["fully_shard"] if kind == "freed" else [])
        assert (trace.series("1", "pre_rms") is None) == (kind == "freed")


def test_combined_they_are_those_of_one_process(recorded: Any, tmp_path: Path) -> None:
    _, one, files = recorded
    two = relume.load(combine(files, tmp_path / "all.sqlite").path).trace()
    compared = 0
    for (site, stat), series in two.table.items():
        truth = one.series(site, stat)
        if stat in ("step_seconds", "rows", "samples", "row_cosine_min") or truth is None:
            continue
        at = np.isin(truth.steps, series.steps)
        size = np.maximum(np.abs(truth.values[at]), 1e-2)
        apart = float((np.abs(series.values - truth.values[at]) / size).max())
        assert apart < 1e-6, (site, stat, apart)
        compared += stat in ("weight_norm", "grad_norm", "update_ratio")
    assert compared == 3 * len(one.sites_of("parameter"))


def test_one_shard_is_not_the_whole(recorded: Any) -> None:
    """The twin: a rank's own numbers, scaled to the whole, are estimates."""
    _, one, files = recorded
    truth = one.series("0.weight", "grad_norm")
    mine = relume.load(files[0]).trace().series("0.weight", "grad_norm")
    assert np.abs(mine.values / truth.values - 1).max() > 1e-3
