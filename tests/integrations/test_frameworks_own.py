"""What is particular to one framework: clipping, closures, cloning, precision, accumulation."""

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from framework_rows import ROWS, Net, data, find_library
from torch import nn
from torch.utils.data import DataLoader

import relume

# other people's deprecations are theirs to mend
pytestmark = pytest.mark.filterwarnings("ignore")


def made(name: str, **options: Any) -> Any:
    if find_library(name) is None:
        pytest.skip("install the dev extra to run this")
    return ROWS[name](**options)


def norms(run: relume.Run) -> np.ndarray[Any, Any]:
    """Norm of the whole gradient, by record."""
    trace = run.trace()
    parts = [trace.series(site.name, "grad_norm") for site in trace.sites_of("parameter")]
    return np.sqrt(sum(part.values**2 for part in parts if part is not None))


def test_transformers_gradients_are_read_before_they_are_clipped(tmp_path: Path) -> None:
    one = made("transformers")
    callback = one.callback(every=1, path=tmp_path / "run.sqlite", report=False)
    one.train(callback, 2, max_grad_norm=1e-3, logging_strategy="steps", logging_steps=1)
    logged = [e["grad_norm"] for e in one.trainer.state.log_history if "grad_norm" in e]
    assert np.allclose(norms(callback.run), logged, rtol=1e-4)  # the Trainer logs the raw norm
    assert min(logged) > 1e-2, "the limit was to bite"


def test_transformers_resumed_from_a_checkpoint(tmp_path: Path) -> None:
    one = made("transformers")
    options = {"save_strategy": "epoch", "save_only_model": False}
    one.train(None, 1, **options)
    again = made("transformers")
    callback = again.callback(every=1, path=tmp_path / "run.sqlite", report=False)
    saved = str(next(Path(one.trainer.args.output_dir).glob("checkpoint-*")))
    again.train(callback, 3, resume=saved, **options)
    assert callback.run.trace().meta["steps"] == 16  # epochs 2 and 3
    assert callback.diagnosis.ok


def test_lightning_accumulates_and_clips(tmp_path: Path) -> None:
    one = made("lightning")
    callback = one.callback(every=1, path=tmp_path / "run.sqlite", report=False)
    one.train(callback, 2, accumulate_grad_batches=2, gradient_clip_val=1e-3)
    trace = callback.run.trace()
    assert trace.meta["steps"] == 8
    assert norms(callback.run).min() > 1e-2


def test_lightning_in_bfloat16(tmp_path: Path) -> None:
    one = made("lightning")
    callback = one.callback(every=1, path=tmp_path / "run.sqlite", report=False)
    one.train(callback, 2, precision="bf16-mixed")
    assert callback.diagnosis.ok
    assert callback.run.trace().meta["steps"] == 16
    assert callback.run.problems == ()


def test_lightning_with_two_optimisers_stepped_by_hand(tmp_path: Path) -> None:
    one = made("lightning")
    import lightning

    class Gan(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.automatic_optimization = False
            self.generator = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 6))
            self.critic = nn.Sequential(nn.Linear(6, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))

        def training_step(self, batch: Any, index: int) -> None:
            first, second = self.optimizers()
            made = self.generator(torch.randn(16, 2))
            real, fake = self.critic(batch[0]), self.critic(made.detach())
            loss = nn.functional.softplus(-real).mean() + nn.functional.softplus(fake).mean()
            second.zero_grad()
            self.manual_backward(loss)
            second.step()
            first.zero_grad()
            self.manual_backward(nn.functional.softplus(-self.critic(made)).mean())
            first.step()

        def configure_optimizers(self) -> Any:
            return [torch.optim.Adam(p.parameters()) for p in (self.generator, self.critic)]

    one.model = Gan()
    callback = one.callback(every=1, path=tmp_path / "run.sqlite", report=False)
    quiet = {"limit_val_batches": 0}
    one.train(callback, 2, **quiet)
    trace = callback.run.trace()
    assert trace.meta["optimizers"] == 2
    acts = {site.name: site.act for site in trace.sites_of("act")}
    assert acts.items() >= {"generator.1": "relu", "critic.1": "leaky_relu"}.items()
    moved = [s.name for s in trace.sites_of("parameter") if trace.series(s.name, "update_ratio")]
    assert {name.split(".")[0] for name in moved} == {"generator", "critic"}


def test_lightning_stops_at_its_own_early_stopping(tmp_path: Path) -> None:
    one = made("lightning")
    from lightning.pytorch.callbacks import Callback

    class Enough(Callback):
        def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
            trainer.should_stop = trainer.global_step >= 5

    callback = one.callback(every=1, path=tmp_path / "run.sqlite", report=False)
    one.train(callback, 3, callbacks=[callback, Enough()])
    meta = callback.run.trace().meta
    assert (meta["ended"], meta["steps"]) == ("normal", 5)


def test_keras_tells_its_rates_updates_and_layers(tmp_path: Path) -> None:
    one = made("keras")
    callback = one.callback(every=1, path=tmp_path / "run.sqlite", report=False)
    one.train(callback, 2)
    trace, name = callback.run.trace(), one.model.name  # Keras counts the models of a process
    rates = trace.series("", "learning_rate")
    assert rates is not None
    assert np.allclose(rates.values, 1e-3)
    assert [s.layer for s in trace.sites_of("act")] == [f"{name}.first", f"{name}.second"]
    assert trace.facts_of("opaque") == ()
    updates = trace.series(f"{name}.first.kernel", "update_ratio")
    assert updates is not None
    # Adam's first step moves every weight by the learning rate
    weight = trace.series(f"{name}.first.kernel", "weight_norm")
    assert weight is not None
    assert updates.values[0] == pytest.approx(1e-3 * (6 * 24) ** 0.5 / weight.values[0], rel=0.02)


@pytest.mark.parametrize("scale", [None, 2.0**19])
def test_keras_mixed_precision_is_recorded_unscaled(scale: float | None, tmp_path: Path) -> None:
    one = made("keras")
    import keras

    callback = one.callback(every=1, path=tmp_path / "plain.sqlite", report=False)
    one.train(callback, 2)
    kept = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        mixed = made("keras")  # compile puts a LossScaleOptimizer around Adam
        assert isinstance(mixed.model.optimizer, keras.optimizers.LossScaleOptimizer)
        if scale is not None:
            mixed.model.optimizer.initial_scale = scale
        scaled = mixed.callback(every=1, path=tmp_path / "mixed.sqlite", report=False)
        mixed.train(scaled, 2)
    finally:
        keras.config.set_dtype_policy(kept)
    trace = scaled.run.trace()
    skipped = 16 - trace.meta["steps"]
    assert trace.meta["skipped"] == skipped  # gradients of half precision end at 65504
    assert (skipped > 0) == (scale is not None)
    first, losses = callback.run.trace().series("", "loss"), trace.series("", "loss")
    assert first is not None
    assert losses is not None
    assert losses.values.max() < 1.1 * first.values.max()
    if not skipped:
        assert np.allclose(losses.values, first.values, rtol=1e-2)
        assert np.allclose(norms(scaled.run), norms(callback.run), rtol=0.05)
    assert scaled.diagnosis.ok
    assert scaled.run.problems == ()


def test_keras_with_a_loss_factor_of_the_optimiser(tmp_path: Path) -> None:
    losses = []
    for factor in (None, 128.0):
        one = made("keras")
        one.model.optimizer.loss_scale_factor = factor
        path = tmp_path / f"{factor}.sqlite"
        callback = one.callback(every=1, path=path, report=False)
        one.train(callback, 1)
        losses.append(callback.run.trace().series("", "loss").values)
    assert np.allclose(*losses, rtol=1e-4)


def test_keras_on_another_backend_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    one = made("keras")
    import keras

    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(relume.RelumeError, match="Keras runs on 'jax'; relume watches torch"):
        one.callback()


def test_skorch_clones_pickles_and_searches(tmp_path: Path) -> None:
    made("skorch")
    from sklearn.base import clone
    from sklearn.model_selection import GridSearchCV
    from skorch import NeuralNetClassifier
    from skorch.callbacks import Checkpoint

    from relume.integrations.skorch import RelumeCallback

    net = NeuralNetClassifier(
        Net,
        criterion=nn.CrossEntropyLoss,
        max_epochs=2,
        verbose=0,
        callbacks=[
            ("relume", RelumeCallback(every=1, path=tmp_path / "run.sqlite", report=False)),
            ("kept", Checkpoint(dirname=str(tmp_path), f_pickle="net.pkl", monitor=None)),
        ],
    )
    x, y = (tensor.numpy() for tensor in data().tensors)
    search = GridSearchCV(clone(net), {"lr": [0.01, 0.1]}, cv=2, error_score="raise")
    search.fit(x, y)
    assert len(list(tmp_path.glob("run*.sqlite"))) == 5  # 2 rates x 2 folds, and the refit
    again = pickle.loads((tmp_path / "net.pkl").read_bytes())
    again.partial_fit(x, y)  # pickled in the middle of a training, by Checkpoint
    assert copy.deepcopy(net).callbacks[0][1].every == 1


def test_accelerate_in_bfloat16_with_accumulation(tmp_path: Path) -> None:
    made("accelerate")
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    from relume.integrations.accelerate import RelumeCallback

    AcceleratorState._reset_state(True)
    try:
        accelerator = Accelerator(cpu=True, mixed_precision="bf16", gradient_accumulation_steps=2)
        torch.manual_seed(0)
        model = Net()
        optimizer = torch.optim.Adam(model.parameters())
        batches = DataLoader(data(), batch_size=16)
        prepared, optimizer, batches = accelerator.prepare(model, optimizer, batches)
        path = tmp_path / "run.sqlite"
        with RelumeCallback(accelerator, prepared, every=1, path=path, report=False) as callback:
            for _ in range(2):
                for x, y in batches:
                    with accelerator.accumulate(prepared):
                        accelerator.backward(nn.functional.cross_entropy(prepared(x), y))
                        accelerator.clip_grad_norm_(prepared.parameters(), 1e-3)
                        optimizer.step()
                        optimizer.zero_grad()
        assert callback.run is not None
        assert callback.run.trace().meta["steps"] == 8
        assert norms(callback.run).min() > 1e-2
        assert callback.diagnosis is not None
        assert callback.diagnosis.ok
    finally:
        AcceleratorState._reset_state(True)


def test_accelerate_wants_a_module() -> None:
    made("accelerate")
    from accelerate import Accelerator

    from relume.integrations.accelerate import RelumeCallback

    wrong: Any = [nn.Linear(1, 1), 3]
    with pytest.raises(relume.RelumeError, match="was given Linear, int; it takes"):
        RelumeCallback(Accelerator(cpu=True), wrong)
