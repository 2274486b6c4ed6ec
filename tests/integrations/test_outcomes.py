"""However a training ends, its recording is closed; figures stand on the framework's axis."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from framework_rows import ROWS, Boom, Row, data, find_library
from torch import nn
from torch.utils.data import DataLoader

from relume.record.store import run_file

pytestmark = pytest.mark.filterwarnings("ignore")
HERE = Path(__file__).parent


@pytest.fixture(params=ROWS)
def row(request: pytest.FixtureRequest) -> type[Row]:
    if find_library(request.param) is None:
        pytest.skip("install the dev extra to run this")
    return ROWS[request.param]


def failing_callback(name: str, error: BaseException) -> Any:
    """A callback of the user's that raises while the framework trains; None where there is none."""

    def fail(*_: Any, **__: Any) -> None:
        raise error

    if name == "Lightning":
        from lightning.pytorch import Callback

        return type("Failing", (Callback,), {"on_train_batch_end": fail})()
    if name == "Transformers":
        from transformers import TrainerCallback

        return type("Failing", (TrainerCallback,), {"on_step_end": fail})()
    if name == "Keras":
        from keras.callbacks import Callback

        return type("Failing", (Callback,), {"on_train_batch_end": fail})()
    if name == "Skorch":
        from skorch.callbacks import Callback

        return type("Failing", (Callback,), {"on_batch_end": fail})()
    return None


def closed(callback: Any) -> str:
    """How the recording has ended; an open one has no such word."""
    return str(run_file.meta(callback.run.path).get("ended", "open")).split()[0]


@pytest.mark.parametrize("error", [Boom(), KeyboardInterrupt()], ids=["error", "Ctrl-C"])
def test_a_row_of_the_data_raises(
    error: BaseException, row: type[Row], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = row()
    one.data_error = error
    callback = one.callback(every=1, path=tmp_path / "run.sqlite")
    stops = isinstance(error, KeyboardInterrupt)
    try:
        one.train(callback, 2)
    except (Boom, KeyboardInterrupt, SystemExit):  # Lightning ends by SystemExit
        pass
    else:
        assert stops, "the user's error has to reach the user"
    kind = "interrupt" if stops else "exception"
    # skorch takes Ctrl-C as a normal end
    assert closed(callback) == ("normal" if stops and row.__name__ == "Skorch" else kind)
    assert "relume" in capsys.readouterr().err, "the report is shown"


def test_another_callback_raises(row: type[Row], tmp_path: Path) -> None:
    other = failing_callback(row.__name__, Boom())
    if other is None:
        pytest.skip("a loop of one's own has no callbacks")
    one = row()
    callback = one.callback(every=1, path=tmp_path / "run.sqlite", report=False)
    with pytest.raises(Boom):
        one.train([callback, other], 2)
    assert closed(callback) == "exception"


def test_what_a_program_leaves_open_is_closed_and_told_at_its_end(
    row: type[Row], tmp_path: Path
) -> None:
    """Even where no method is guarded: the error ends the program."""
    script = (
        f"import sys; sys.path.insert(0, {str(HERE)!r})\n"
        f"from framework_rows import {row.__name__}\n"
        "from relume.integrations import callback_core\n"
        f"one = {row.__name__}()\n"
        f"callback = one.callback(every=1, path={str(tmp_path / 'run.sqlite')!r})\n"
        "core = vars(callback).get('_core') or callback.core_\n"
        "core.begin(one.model)\n"
        "raise ValueError('mine')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 1
    assert "ValueError: mine" in done.stderr
    assert run_file.meta(tmp_path / "run.sqlite")["ended"].startswith("exception")
    assert done.stderr.index("ValueError: mine") < done.stderr.index("relume")


@pytest.mark.skipif(find_library("lightning") is None, reason="install the dev extra to run this")
@pytest.mark.parametrize(("optimisers", "accumulate"), [(1, 1), (1, 2), (2, 1)])
def test_lightning_figures_stand_at_lightnings_steps(
    optimisers: int, accumulate: int, tmp_path: Path
) -> None:
    import lightning
    from lightning.pytorch.loggers.logger import Logger

    from relume.integrations.lightning import RelumeCallback

    steps: dict[str, list[int]] = {"loss": [], "relume": []}

    class Kept(Logger):
        name, version = "kept", "0"

        def log_hyperparams(self, *_: Any, **__: Any) -> None: ...

        def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
            for kind in steps:
                if any(name.startswith(kind) for name in metrics):
                    steps[kind].append(-1 if step is None else step)

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
            self.automatic_optimization = optimisers == 1

        def training_step(self, batch: Any, index: int) -> torch.Tensor:
            loss = nn.functional.cross_entropy(self.net(batch[0]), batch[1])
            self.log("loss", loss, on_step=True, on_epoch=True)
            if optimisers > 1:
                for each in self.optimizers():
                    each.zero_grad()
                self.manual_backward(loss)
                for each in self.optimizers():
                    each.step()
            return loss

        def configure_optimizers(self) -> Any:
            parts = list(self.net.parameters())
            many = [torch.optim.SGD(parts[at::optimisers], 0.1) for at in range(optimisers)]
            return many[0] if optimisers == 1 else many

    trainer = lightning.Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=Kept(),
        log_every_n_steps=2,
        callbacks=[RelumeCallback(every=1, path=tmp_path / "run.sqlite", report=False)],
        accumulate_grad_batches=accumulate,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Module(), DataLoader(data(), batch_size=16))
    assert steps["relume"]
    assert sorted(set(steps["relume"])) == sorted(set(steps["loss"]))
