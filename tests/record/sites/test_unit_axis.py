"""Units are what the layer makes: filters, features, also without a batch or with channels last."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import relume
from relume.core import Trace
from relume.record.measure.unit_counters import UnitCounters
from relume.record.store import run_file, window_table

DRAW = torch.Generator().manual_seed(0)


def recorded(model: nn.Module, loss: Callable[[Any], Tensor], path: Path) -> Trace:
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    with relume.watch(model, every=1, path=path / "run.sqlite") as run:
        for _ in range(6):
            optimizer.zero_grad()
            loss(model).backward()
            optimizer.step()
    assert not run.problems
    return run.trace()


@pytest.mark.parametrize("act", [nn.Sigmoid, nn.Tanh, nn.ReLU, nn.GELU])
def test_one_row_without_a_batch_axis_has_the_layers_units(act: type, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(6, 8), act(), nn.Linear(8, 1))
    trace = recorded(model, lambda m: m(torch.randn(6, generator=DRAW)).square().sum(), tmp_path)
    (site,) = trace.sites_of("act")
    assert site.units == 8
    windows = trace.windows("1")
    assert {len(field) for w in windows for field in w.fields.values()} == {8}
    assert sum(w.samples for w in windows) == 6


def test_an_image_without_a_batch_axis_has_its_filters_as_units(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 5, 3), nn.Sigmoid(), nn.Flatten(0), nn.Linear(5 * 36, 1))
    trace = recorded(model, lambda m: m(torch.randn(3, 8, 8, generator=DRAW)).sum(), tmp_path)
    assert [site.units for site in trace.sites_of("act")] == [5]


def test_a_squeezed_column_is_a_batch_of_one_unit(tmp_path: Path) -> None:
    model = nn.Linear(6, 1)

    def loss(m: nn.Module) -> Tensor:
        return torch.sigmoid(m(torch.randn(32, 6, generator=DRAW)).squeeze()).sum()

    (window, *_) = recorded(model, loss, tmp_path).windows("sigmoid()")
    assert (window.samples, len(window.fields["active"])) == (32, 1)


class ChannelsLast(nn.Module):
    """As Keras writes a convolution on torch."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 5, 3), nn.Conv2d(5, 7, 3)
        self.last = nn.Linear(7, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        x = torch.tanh(self.second(x.movedim(-1, 1)).transpose(1, 3).contiguous())
        return self.last(x.mean((1, 2)))


def test_channels_last_are_followed_from_the_convolution(tmp_path: Path) -> None:
    model = ChannelsLast()
    with torch.no_grad():
        assert model.first.bias is not None
        model.first.bias[2] = -1e4  # a dead filter
    x = torch.randn(4, 13, 12, 3, generator=DRAW)
    trace = recorded(model, lambda m: m(x).square().mean(), tmp_path)
    assert [site.units for site in trace.sites_of("act")] == [5, 7]
    active = sum(w.fields["active"] for w in trace.windows("relu()"))
    assert [bool(unit) for unit in np.asarray(active)] == [True, True, False, True, True]


def test_a_norm_over_the_last_axis_of_a_permuted_convolution(tmp_path: Path) -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm, self.last = nn.Conv2d(3, 6, 3), nn.LayerNorm(6), nn.Linear(6, 2)

        def forward(self, x: Tensor) -> Tensor:
            x = nn.functional.gelu(self.norm(self.conv(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2))
            return self.last(x.mean((2, 3)))

    x = torch.randn(4, 3, 9, 9, generator=DRAW)
    trace = recorded(Block(), lambda m: m(x).square().mean(), tmp_path)
    assert [site.units for site in trace.sites_of("act")] == [6]


def test_filters_of_keras_on_torch(tmp_path: Path) -> None:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    if keras.backend.backend() != "torch":
        pytest.skip("Keras runs on another backend here")
    layers = keras.layers
    keras.utils.clear_session()
    convolutions = [
        layers.Conv2D(5, 3, activation="relu"),
        layers.Conv2D(6, 3),
        layers.BatchNormalization(),
        layers.Activation("tanh"),
    ]
    model = keras.Sequential(
        [layers.Input((12, 11, 3)), *convolutions, layers.GlobalAveragePooling2D(), layers.Dense(2)]
    )
    model.compile("sgd", "mse")
    with relume.watch(model, every=1, path=tmp_path / "run.sqlite") as run:
        for _ in range(6):
            x = torch.randn(8, 12, 11, 3, generator=DRAW).numpy()
            model.train_on_batch(x, np.zeros((8, 2), "float32"))
    assert [site.units for site in run.trace().sites_of("act")] == [5, 6]


def test_a_record_of_another_width_is_left_out() -> None:
    counters = UnitCounters()
    counters.add(0, 4, {"active": np.ones(3), "out_norm": np.ones(5)})
    counters.add(1, 4, {"active": np.ones(7)})
    counters.add(2, 4, {"active": np.ones(3)})
    windows = counters.take()
    assert [sorted(w.fields["active"].tolist()) for w in windows] == [[1.0] * 3, [1.0] * 3]
    assert all(np.size(field) == 3 for w in windows for field in w.fields.values())


def test_one_bad_window_does_not_hide_the_others(tmp_path: Path) -> None:
    counters = UnitCounters()
    writer = run_file.Writer(tmp_path / "run.sqlite")
    counters.add(0, 4, {"active": np.ones(3)})
    writer.windows("fc1", counters.take())
    writer.windows("fc2", [window_table.merge(w, w) for w in writer_windows(writer, "fc1")])
    writer._db.execute("UPDATE window SET data = x'00' WHERE site = 'fc1'")
    writer.close()
    trace = run_file.read(tmp_path / "run.sqlite")
    assert list(trace.units) == ["fc2"]
    (fact,) = trace.facts_of("error")
    assert (fact.site, fact.data["where"]) == ("fc1", "reading")
    assert "do not fit" in fact.data["text"]


def writer_windows(writer: run_file.Writer, site: str) -> Any:
    return run_file.read(writer.path).windows(site)
