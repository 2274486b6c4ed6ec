"""Training that is not a loop of the user's own: Keras' `fit`, two processes under DDP."""

import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path

import pytest

KERAS = """
import os, sys
os.environ["KERAS_BACKEND"] = "torch"
import keras, numpy as np, relume
from keras import layers

keras.utils.set_random_seed(0)
dense = [layers.Dense(8, activation="relu"), layers.Dense(8), layers.Activation("gelu")]
model = keras.Sequential([layers.Input((6,)), *dense, layers.Dense(3)])
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
x, y = np.random.randn(64, 6).astype("float32"), np.arange(64) % 3
with relume.watch(model, path=sys.argv[1], every=1) as run:
    model.fit(x, y, epochs=2, batch_size=16, verbose=0)
print([(s.name, s.act, s.layer) for s in run.trace().sites_of("act")], run.problems)
"""


def test_keras_on_torch(tmp_path: Path) -> None:
    if find_spec("keras") is None:  # importing it here would choose its backend
        pytest.skip("install the dev extra to run this")
    done = subprocess.run(
        [sys.executable, "-c", KERAS, str(tmp_path / "run.sqlite")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.strip().splitlines()[-1:] == [
        "[('sequential.dense.relu()', 'relu', 'sequential.dense'), "
        "('activation.gelu()', 'gelu', 'sequential.dense_1')] ()"
    ], done.stderr[-2000:]


RANKS = """
import os, sys, torch, torch.distributed as dist
from torch import nn
import relume

rank, folder = int(sys.argv[1]), sys.argv[2]
os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=sys.argv[3], RANK=str(rank), WORLD_SIZE="2")
dist.init_process_group("gloo", rank=rank, world_size=2)
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
wrapped = nn.parallel.DistributedDataParallel(model)
optimizer = torch.optim.SGD(wrapped.parameters(), 0.1)
with relume.watch(wrapped, path=f"{folder}/{rank}.sqlite", every=1) as run:
    for step in range(4):
        torch.manual_seed(10 * step + rank)
        loss = nn.functional.cross_entropy(wrapped(torch.randn(8, 6)), torch.arange(8) % 3)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print([(s.name, s.act, s.layer) for s in run.trace().sites_of("act")], run.problems)
dist.destroy_process_group()
"""


def test_two_processes_under_distributed_data_parallel(tmp_path: Path) -> None:
    script, port = tmp_path / "ranks.py", _free_port()
    script.write_text(textwrap.dedent(RANKS))
    both = [
        subprocess.Popen(
            [sys.executable, str(script), str(rank), str(tmp_path), str(port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    for process in both:
        out, err = process.communicate(timeout=120)
        # the last line: older Gloo greets on stdout
        assert out.strip().splitlines()[-1:] == ["[('1', 'relu', '0')] ()"], err[-2000:]


def _free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
