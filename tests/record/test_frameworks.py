"""Models of other people's libraries, built from their configuration: no file is fetched."""

import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

import relume


def seen(model: Any, path: Path, **inputs: torch.Tensor) -> list[tuple[str, str, str]]:
    """Name, act and layer of every act site after three steps on one batch."""
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    with relume.watch(model, path=path, every=1) as run:
        for _ in range(3):
            loss = model(**inputs).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert run.problems == ()
    trace = run.trace()
    for site in trace.sites_of("act"):
        shares = trace.series(site.name, "zero_slope_share")
        assert site.act == "softmax" or shares is not None, site
        assert site.line, site
    return [(site.name, site.act, site.layer) for site in trace.sites_of("act")]


def library() -> Any:
    return pytest.importorskip("transformers", reason="install the dev extra to run this")


def tokens() -> dict[str, torch.Tensor]:
    return {"input_ids": torch.arange(32).reshape(4, 8)}


SMALL = {
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}


def test_bert(tmp_path: Path) -> None:
    transformers = library()
    torch.manual_seed(0)
    config = transformers.BertConfig(**SMALL, num_labels=3)
    model = transformers.BertForSequenceClassification(config)
    found = seen(model, tmp_path / "run.sqlite", **tokens(), labels=torch.arange(4) % 3)
    layers = [
        (
            f"bert.encoder.layer.{n}.intermediate.intermediate_act_fn",
            "gelu",
            f"bert.encoder.layer.{n}.intermediate.dense",
        )
        for n in range(2)
    ]
    pooler = ("bert.pooler.activation", "tanh", "bert.pooler.dense")
    assert [site for site in found if site[1] != "softmax"] == [*layers, pooler]


def test_llama(tmp_path: Path) -> None:
    transformers = library()
    torch.manual_seed(0)
    config = transformers.LlamaConfig(**SMALL, num_key_value_heads=1, max_position_embeddings=32)
    model = transformers.LlamaForCausalLM(config)
    found = seen(model, tmp_path / "run.sqlite", **tokens(), labels=tokens()["input_ids"])
    layers = [
        (f"model.layers.{n}.mlp.act_fn", "silu", f"model.layers.{n}.mlp.gate_proj")
        for n in range(2)
    ]
    assert [site for site in found if site[1] != "softmax"] == layers


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
        assert out.strip() == "[('1', 'relu', '0')] ()", err[-2000:]


def _free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
