"""What other tools say of six small trainings, beside what relume says: broken ones and sound ones.

    python benchmarks/others.py [--tools relume,torch-audit,...] [--cases dead,...]

A tool that is not installed is passed over with the command that installs it; the comparison page
of the documentation names the versions that were tried. Each is used as its own documentation
shows, on every step where it has an interval, and what it says is printed as it says it, each
sentence once. Tools that draw or record without judging are printed as figures, marked `=`.

    dead         a learning rate 30 times too high kills a hidden layer; acts are modules
    dead-f       the same network and rate, written with F.relu
    softmax      a softmax in front of nn.CrossEntropyLoss
    vanishing    eight sigmoid layers, plain SGD
    sparse       a transformer whose ReLUs are zero on 95 of 100 values at the start and on four of
                 five at the end, and which learns: sound
    sound        an MLP that learns: sound
"""

import argparse
import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.overrides import TorchFunctionMode

STEPS, ROWS, BATCH = 200, 1024, 64


class Functional(nn.Module):
    """`plain`, with functions where it has modules."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(32, 64), nn.Linear(64, 64)
        self.out = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(F.relu(self.second(F.relu(self.first(x)))))


class Block(nn.Module):
    """A transformer block whose feed-forward is a sparse ReLU by its bias."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(32), nn.MultiheadAttention(32, 2, batch_first=True)
        self.norm2, self.up, self.act = nn.LayerNorm(32), nn.Linear(32, 256), nn.ReLU()
        self.down = nn.Linear(256, 32)
        nn.init.constant_(self.up.bias, -1.0)  # z has a deviation of 0.58 at the start

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        x = x + self.attention(h, h, h, need_weights=False)[0]
        return x + self.down(self.act(self.up(self.norm2(x))))


class Tokens(nn.Module):
    """32 numbers as 8 tokens of 4."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.blocks = nn.Linear(4, 32), nn.Sequential(Block(), Block())
        self.place = nn.Parameter(torch.randn(8, 32))
        self.out = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.blocks(self.embed(x.unflatten(1, (8, 4))) + self.place).mean(1))


def plain(*last: nn.Module) -> nn.Module:
    hidden = [nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()]
    return nn.Sequential(*hidden, nn.Linear(64, 10), *last)


def deep() -> nn.Module:
    layers: list[nn.Module] = [nn.Linear(32, 64), nn.Sigmoid()]
    for _ in range(7):
        layers += [nn.Linear(64, 64), nn.Sigmoid()]
    return nn.Sequential(*layers, nn.Linear(64, 10))


@dataclass(frozen=True)
class Case:
    """A training, and whether it is broken."""

    name: str
    make: Callable[[], nn.Module]
    rate: float = 0.1
    adam: bool = False


CASES = (
    Case("dead", plain, rate=3.0),
    Case("dead-f", Functional, rate=3.0),
    Case("softmax", lambda: plain(nn.Softmax(-1))),
    Case("vanishing", deep),
    Case("sparse", Tokens, rate=1e-3, adam=True),
    Case("sound", plain),
)


def data() -> tuple[Tensor, Tensor]:
    """Ten clusters that overlap."""
    y = torch.arange(ROWS) % 10
    return torch.randn(10, 32)[y] + 0.8 * torch.randn(ROWS, 32), y


class Silent(TorchFunctionMode):
    """Counts, behind every tool's back, the units whose ReLU is zero on all that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if getattr(func, "__name__", "") == "relu":  # by name: a tool may have wrapped it
            units = out.flatten(0, -2)  # (rows, units)
            dead = int((units == 0).all(0).sum())
            share = (units == 0).float().mean().item()
            self.found.append(f"{dead} of {units.shape[1]} units never fire, {share:.0%} zeros")
        return out


class Tool:
    """One tool on one training; the hooks are called in the order in which they stand here."""

    package = ""

    def begin(self, model: nn.Module, loss: nn.Module, optimizer: Any) -> tuple[Any, Any]:
        return model, loss

    def backward(self, step: int, loss: Tensor, optimizer: Any) -> None:
        loss.backward()

    def stepped(self, step: int) -> None: ...

    def says(self, model: nn.Module, x: Tensor, y: Tensor) -> list[str]:
        return []


class Relume(Tool):
    package = "relume"

    def begin(self, model: nn.Module, loss: nn.Module, optimizer: Any) -> tuple[Any, Any]:
        import relume

        self.folder = tempfile.TemporaryDirectory()
        self.run = relume.watch(model, path=Path(self.folder.name, "run.sqlite"), every=2)
        return model, loss

    def says(self, model: nn.Module, x: Tensor, y: Tensor) -> list[str]:
        self.run.close()
        found = self.run.diagnose().findings
        return [
            f"{f.severity} {f.code} {f.name}: {f.message}"
            for f in found
            if str(f.severity) in ("warning", "error")
        ]


class TorchAudit(Tool):
    package = "torch-audit"

    def begin(self, model: nn.Module, loss: nn.Module, optimizer: Any) -> tuple[Any, Any]:
        from torch_audit import autopatch

        self.auditor = autopatch(model, optimizer=optimizer, every_n_steps=1, reporters=[])
        return model, loss

    def says(self, model: nn.Module, x: Tensor, y: Tensor) -> list[str]:
        result = self.auditor.finish(report=False)
        self.auditor.unpatch()
        found = {  # the last of each, as its numbers change from step to step
            (
                f.rule_id,
                f.module_path,
            ): f"{f.severity.name} {f.rule_id} {f.module_path}: {f.message}"
            for f in result.findings
        }
        return list(found.values())


class TorchDiag(Tool):
    package = "torchdiag"

    def says(self, model: nn.Module, x: Tensor, y: Tensor) -> list[str]:
        import torchdiag

        told = io.StringIO()
        with contextlib.redirect_stdout(told):
            torchdiag.check_gradients(model)  # those of the last step
            torchdiag.check_dead_neurons(model, x)
        marks = ("•", "✓")
        return [
            line.strip()
            for line in told.getvalue().splitlines()
            if line.strip()[:1] in marks or "No activation layers" in line
        ]


class FastAI(Tool):
    package = "fastai"

    def begin(self, model: nn.Module, loss: nn.Module, optimizer: Any) -> tuple[Any, Any]:
        from fastai.callback.hook import ActivationStats, Hooks

        self.names = {n: m for n, m in model.named_modules() if not list(m.children())}
        self.hooks = Hooks(list(self.names.values()), ActivationStats().hook)
        return model, loss

    def says(self, model: nn.Module, x: Tensor, y: Tensor) -> list[str]:
        stored = dict(zip(self.names, self.hooks.stored, strict=True))
        self.hooks.remove()
        return [
            f"= {name} ({type(self.names[name]).__name__}): near_zero {of['near_zero']:.2f}"
            for name, of in stored.items()
            if isinstance(of, dict) and not isinstance(self.names[name], nn.Linear)
        ]


class TorchLens(Tool):
    package = "torchlens"

    def says(self, model: nn.Module, x: Tensor, y: Tensor) -> list[str]:
        import torchlens

        found = torchlens.trace(model, x)
        said = []
        for op in found.layers:
            if op.func_name in ("relu", "sigmoid"):
                share = (op.out == 0).float().mean().item()
                said.append(f"= {op.layer_label}: {share:.2f} of its output is 0")
        return said


class Delve(Tool):
    package = "delve"

    def begin(self, model: nn.Module, loss: nn.Module, optimizer: Any) -> tuple[Any, Any]:
        logging.getLogger("delve").setLevel(logging.ERROR)
        from delve.torchcallback import CheckLayerSat

        self.folder = tempfile.TemporaryDirectory()
        self.tracker = CheckLayerSat(self.folder.name, "csv", model, device="cpu")
        return model, loss

    def says(self, model: nn.Module, x: Tensor, y: Tensor) -> list[str]:
        self.tracker.add_saturations()
        self.tracker.close()
        written = Path(f"{self.folder.name}.csv")
        lines = written.read_text().splitlines()
        written.unlink()
        names, values = lines[0].split(";"), lines[-1].split(";")
        rows = zip(names, values, strict=True)
        return [f"= {name} {float(value):.2f}" for name, value in rows if "saturation" in name]


class CockpitTool(Tool):
    package = "cockpit-for-pytorch"

    def begin(self, model: nn.Module, loss: nn.Module, optimizer: Any) -> tuple[Any, Any]:
        from backpack import extend
        from cockpit import Cockpit
        from cockpit.utils.configuration import configuration

        model, self.each = extend(model), extend(nn.CrossEntropyLoss(reduction="none"))
        self.cockpit = Cockpit(model.parameters(), quantities=configuration("economy"))
        return model, extend(loss)

    def backward(self, step: int, loss: Tensor, optimizer: Any) -> None:
        with torch.no_grad():
            losses = self.each(self.scores, self.target)
        info = {
            "batch_size": BATCH,
            "individual_losses": losses,
            "loss": loss,
            "optimizer": optimizer,
        }
        with self.cockpit(step, info=info):
            loss.backward(create_graph=self.cockpit.create_graph(step))

    def says(self, model: nn.Module, x: Tensor, y: Tensor) -> list[str]:
        output = self.cockpit.get_output()
        said = []
        for step in (10, STEPS // 2 + 1, STEPS - 2):
            of = output[step]
            norms = [f"{n:.2g}" for n in of.get("GradNorm", [])]
            said.append(f"= step {step}: Alpha {of.get('Alpha')}, GradNorm by parameter {norms}")
        return said


TOOLS: dict[str, type[Tool]] = {
    kind.package: kind
    for kind in (Relume, TorchAudit, TorchDiag, FastAI, TorchLens, Delve, CockpitTool)
}


def trained(case: Case, tool: Tool) -> tuple[list[float], list[str], list[str]]:
    """(losses, what is true of its ReLUs, what the tool says) of one training."""
    torch.manual_seed(0)
    x, y = data()
    model, loss_of = case.make(), nn.CrossEntropyLoss()
    make = torch.optim.Adam if case.adam else torch.optim.SGD
    optimizer = make(model.parameters(), case.rate)
    model, loss_of = tool.begin(model, loss_of, optimizer)
    losses = []
    for step, rows in zip(range(STEPS), batches(), strict=False):
        optimizer.zero_grad()
        scores = model(x[rows])
        tool.scores, tool.target = scores, y[rows]
        loss = loss_of(scores, y[rows])
        tool.backward(step, loss, optimizer)
        optimizer.step()
        tool.stepped(step)
        losses.append(loss.item())
    said = tool.says(model, x[:256], y[:256])
    with torch.no_grad(), Silent() as truth:
        case_scores = model(x)
    assert case_scores.shape == (ROWS, 10)
    return losses, truth.found, said


def batches() -> Iterator[Tensor]:
    while True:
        yield from torch.randperm(ROWS).split(BATCH)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tools", default=",".join(TOOLS))
    parser.add_argument("--cases", default=",".join(case.name for case in CASES))
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    for name in arguments.tools.split(","):
        try:
            print(f"\n## {name} {version(name)}, torch {torch.__version__}")
        except PackageNotFoundError:
            print(f"\n## {name}: not installed (pip install {name})")
            continue
        for case in CASES:
            if case.name not in arguments.cases.split(","):
                continue
            try:
                losses, truth, said = trained(case, TOOLS[name]())
                course = f"{losses[0]:.2f} -> {losses[99]:.2f} -> {losses[-1]:.2f}"
                print(f"{case.name}: loss {course}; {'; '.join(truth) or 'no ReLU'}")
            except Exception as error:  # what a tool cannot do is a result
                said = [f"! {type(error).__name__}: {str(error)[:120]}"]
                print(f"{case.name}:")
            for sentence in dict.fromkeys(said) or ["(nothing)"]:
                print(f"    {sentence[:200]}")


if __name__ == "__main__":
    main()
