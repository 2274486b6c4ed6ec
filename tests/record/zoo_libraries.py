"""The zoo: models of other people's libraries, from their configuration: no file is fetched."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import nn
from zoo_kinds import Entry, Place, Training

SMALL = {
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}


def fitting(model: nn.Module, labels: torch.Tensor) -> Training:
    """A language model's loop: the model returns its loss."""
    called: Any = model
    tokens = torch.arange(32).reshape(4, 8)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)

    def step() -> float:
        loss = called(input_ids=tokens, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return Training((model,), step)


def bert() -> Training:
    import transformers

    config = transformers.BertConfig(**SMALL, num_labels=3)
    return fitting(transformers.BertForSequenceClassification(config), torch.arange(4) % 3)


def llama() -> Training:
    import transformers

    config = transformers.LlamaConfig(**SMALL, num_key_value_heads=1, max_position_embeddings=32)
    model = transformers.LlamaForCausalLM(config)
    return fitting(model, torch.arange(32).reshape(4, 8))


def keras() -> Training:
    """Keras trains with an optimiser of its own: backward is the clock."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras
    from keras import layers

    keras.utils.clear_session()  # its names are numbered through all models of a process
    keras.utils.set_random_seed(0)
    dense = [layers.Dense(8, activation="relu"), layers.Dense(8), layers.Activation("gelu")]
    model = keras.Sequential([layers.Input((6,)), *dense, layers.Dense(3)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))

    def step() -> float:
        x, y = torch.randn(16, 6).numpy(), torch.randint(0, 3, (16,)).numpy()
        return float(model.train_on_batch(x, y))

    return Training((model,), step)


def encoder(n: int) -> list[Place]:
    layer = f"bert.encoder.layer.{n}"
    inner = f"{layer}.intermediate"
    return [
        (f"{layer}.attention.self.softmax()", "softmax", "", "attention"),
        (f"{inner}.intermediate_act_fn", "gelu", f"{inner}.dense", "hidden"),
    ]


LIBRARIES: dict[str, Entry] = {
    "transformers BERT": Entry(
        bert,
        [
            *encoder(0),
            *encoder(1),
            ("bert.pooler.activation", "tanh", "bert.pooler.dense", "hidden"),
        ],
        needs="transformers",
    ),
    "transformers Llama": Entry(
        llama,
        [
            (f"model.layers.{n}.mlp.act_fn", "silu", f"model.layers.{n}.mlp.gate_proj", "gate")
            for n in range(2)
        ],
        needs="transformers",
    ),
    "Keras 3 on torch": Entry(
        keras,
        [
            ("sequential.dense.relu()", "relu", "sequential.dense", "hidden"),
            ("activation.gelu()", "gelu", "sequential.dense_1", "hidden"),
        ],
        needs="keras",
    ),
}
