"""Sick scripts that print or log numbers on held-out rows, each with an edit and the verdict it may
get: written, and split into a part to tune on and a part held out, before the judge was built.

A script is a data set, a fault (an optimiser, its number of epochs) and a way of printing. Each has
the edit that a trial lays over it, and the verdicts that are right. The parts were drawn by the
parity of a checksum of the names, which nobody chose; `HELD_OUT` has those that were held out.
"""

from dataclasses import dataclass

HELD_OUT = frozenset(
    (
        *("noise memory plain", "noise memory table", "noise memory bar", "noise memory lines"),
        *("noise memory json", "rings wild plain", "rings wild silent", "curve wild once"),
        *("rings hot percent", "rings hot table", "curve hot bar", "rings slow logging"),
        *("rings fine mnist", "rings fine silent", "still silent"),
    )
)
DATA = {
    # half of the labels are noise, and few: what is learned by heart does not hold
    "noise": """
torch.manual_seed({seed})
X = torch.randn(448, 12)
Y = (X[:, 0] > 0).long()
wrong = torch.rand(448) < 0.3
Y = torch.where(wrong, 1 - Y, Y)
x_train, y_train, x_val, y_val = X[:48], Y[:48], X[48:], Y[48:]
model = nn.Sequential(nn.Linear(12, 128), nn.ReLU(), nn.Linear(128, 2))
criterion = nn.CrossEntropyLoss()
""",
    # two rings, enough of them: what is learned holds
    "rings": """
torch.manual_seed({seed})
X = torch.randn(768, 6)
Y = (X[:, :2].norm(dim=1) > 1.2).long()
x_train, y_train, x_val, y_val = X[:512], Y[:512], X[512:], Y[512:]
model = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 2))
criterion = nn.CrossEntropyLoss()
""",
    "curve": """
torch.manual_seed({seed})
X = torch.rand(640, 3) * 4 - 2
Y = torch.sin(X.sum(1, keepdim=True)) * 3
x_train, y_train, x_val, y_val = X[:512], Y[:512], X[512:], Y[512:]
model = nn.Sequential(nn.Linear(3, 64), nn.Tanh(), nn.Linear(64, 1))
criterion = nn.MSELoss()
""",
}
FAULTS = {
    "memory": ("torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.0)", 12),
    "wild": ("torch.optim.SGD(model.parameters(), lr=1e18)", 6),
    "hot": ("torch.optim.Adam(model.parameters(), lr=1.0)", 10),
    "slow": ("torch.optim.SGD(model.parameters(), lr=1e-5)", 10),
    "fine": ("torch.optim.Adam(model.parameters(), lr=1e-2)", 10),
}
LOOP = """
import argparse, json, logging, sys
import torch
from torch import nn
import torch.nn.functional as F

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default={epochs})
args = parser.parse_args()
{data}
opt = {optimizer}
{before}

def evaluate():
    model.eval()
    with torch.no_grad():
        out = model(x_val)
        loss = criterion(out, y_val).item()
        acc = (out.argmax(1) == y_val).float().mean().item() if out.shape[1] > 1 else 0.0
    model.train()
    return loss, acc

for epoch in range(args.epochs):
    total = 0.0
    order = torch.{order}
    for batch in order.split(32):
        opt.zero_grad()
        loss = criterion(model(x_train[batch]), y_train[batch])
        loss.backward()
        opt.step()
        total += loss.item()
    tl = total / len(order.split(32))
    vl, va = evaluate()
    {each}
{after}
"""
RANDOM, FIXED = "randperm(len(x_train))", "arange(len(x_train))"
PRINTS: dict[str, tuple[str, str, str]] = {  # before, in each epoch, after
    "plain": (
        "",
        'print(f"epoch {epoch}: train loss {tl:.4f}, val loss {vl:.4f}, val acc {va:.3f}")',
        "",
    ),
    "mnist": (
        "",
        "print('Test set: Average loss: {:.4f}, Accuracy: {}/{} ({:.0f}%)'.format("
        "vl, int(va * len(y_val)), len(y_val), 100 * va))",
        "",
    ),
    "dict": (
        "",
        "print({'epoch': epoch, 'train_loss': tl, 'val_loss': vl, 'val_accuracy': va})",
        "",
    ),
    "logging": (
        "logging.basicConfig(level=logging.INFO, format='%(asctime)s %(message)s')",
        "logging.info('Epoch %d | Train %.3f | Valid %.3f', epoch, tl, vl)",
        "",
    ),
    "percent": (
        "",
        'print(f"Epoch [{epoch + 1}/{args.epochs}] Loss: {tl:.3f} '
        'Validation Accuracy: {100 * va:.2f} %")',
        "",
    ),
    "table": (
        'print("epoch     train_loss  valid_loss  accuracy  time")',
        'print(f"{epoch}         {tl:.6f}    {vl:.6f}    {va:.6f}  00:0{epoch % 7}")',
        "",
    ),
    "bar": (
        "",
        'sys.stderr.write(f"\\r{epoch + 1}/{args.epochs} '
        '[00:01, loss={tl:.3f}, val_loss={vl:.3g}]")',
        "",
    ),
    "lines": (
        "",
        'print(f"Epoch {epoch}\\nTraining:\\n  loss {tl:.4f}\\nValidation:\\n  loss {vl:.4f}")',
        "",
    ),
    "json": (
        "",
        'print(json.dumps({"split": "train", "loss": tl})); '
        'print(json.dumps({"split": "dev", "loss": vl}))',
        "",
    ),
    "once": ("", "pass", 'print("Test MSE:", round(vl, 5))'),
    "board": (
        "from torch.utils.tensorboard import SummaryWriter; board = SummaryWriter()",
        'board.add_scalar("Loss/train", tl, epoch); board.add_scalar("Loss/val", vl, epoch)',
        "board.close()",
    ),
    "silent": ("", "pass", ""),
}
LOWER = "lower-learning-rate:factor=0.01"
RAISE, MORE = (f"raise-learning-rate:factor={factor}" for factor in (1e3, 1e5))
HEART = "raise-learning-rate:factor=8.0"
NO = {"better on training only", "no proven gain", "undecided", "worse"}


@dataclass(frozen=True, slots=True)
class SickScript:
    """A script, the edit laid over it, the verdicts that are right, and what it prints.

    Attributes:
        held: the names of the held-out numbers that are to be found; empty: none is printed.
    """

    name: str
    source: str
    edit: str
    words: frozenset[str]
    held: tuple[str, ...] = ()

    @property
    def held_out(self) -> bool:
        """Whether it is of the part on which nothing was tuned."""
        return self.name in HELD_OUT


def _case(
    data: str,
    fault: str,
    shown: str,
    edit: str,
    words: set[str],
    *held: str,
    seed: int = 0,
    order: str = RANDOM,
) -> SickScript:
    optimizer, epochs = FAULTS[fault]
    before, each, after = PRINTS[shown]
    source = LOOP.format(
        data=DATA[data].format(seed=seed),
        optimizer=optimizer,
        epochs=epochs,
        before=before,
        each=each,
        after=after,
        order=order,
    )
    return SickScript(f"{data} {fault} {shown}", source, edit, frozenset(words), held)


SCRIPTS = (
    # learned by heart: the training loss falls, the held-out loss rises
    _case("noise", "memory", "plain", HEART, NO, "val loss", "val acc"),
    _case("noise", "memory", "mnist", HEART, NO, "test loss", "test accuracy"),
    _case("noise", "memory", "dict", HEART, NO, "val loss", "val accuracy"),
    _case("noise", "memory", "logging", HEART, NO, "val"),
    _case("noise", "memory", "table", HEART, NO, "val loss", "accuracy"),
    _case("noise", "memory", "bar", HEART, NO, "val loss"),
    _case("noise", "memory", "lines", HEART, NO, "val loss"),
    _case("noise", "memory", "json", HEART, NO, "val loss"),
    _case("noise", "memory", "board", HEART, NO, "val loss"),
    # every run of the script as it is ends in NaN
    _case(
        "rings",
        "wild",
        "plain",
        "lower-learning-rate:factor=1e-19",
        {"proven"},
        "val loss",
        "val acc",
    ),
    _case("rings", "wild", "silent", "lower-learning-rate:factor=1e-19", {"proven"}),
    _case("curve", "wild", "once", "lower-learning-rate:factor=1e-20", {"proven"}, "test mse"),
    _case(
        "rings",
        "wild",
        "percent",
        "lower-learning-rate:factor=0.1",
        NO | {"no better than chance"},
        "val accuracy",
    ),
    _case(
        "curve",
        "wild",
        "lines",
        "lower-learning-rate:factor=0.1",
        NO | {"no better than chance"},
        "val loss",
    ),
    # a rate that is too high or too low, cured: what is held out improves too
    _case("rings", "hot", "percent", LOWER, {"proven"}, "val accuracy"),
    _case("rings", "hot", "table", LOWER, {"proven"}, "val loss", "accuracy"),
    _case("curve", "hot", "bar", LOWER, {"proven"}, "val loss"),
    _case("curve", "hot", "once", LOWER, {"proven"}, "test mse"),
    _case("rings", "slow", "json", MORE, {"proven"}, "val loss"),
    _case("rings", "slow", "logging", MORE, {"proven"}, "val"),
    _case("curve", "slow", "lines", RAISE, {"proven"}, "val loss"),
    _case("rings", "slow", "board", MORE, {"proven"}, "val loss"),
    # healthy, and made worse
    _case(
        "rings",
        "fine",
        "mnist",
        "raise-learning-rate:factor=100.0",
        NO | {"no better than chance"},
        "test loss",
        "test accuracy",
    ),
    _case("rings", "fine", "silent", "lower-learning-rate:factor=1.0", {"no proven gain"}),
)
# seeds change nothing: the weights come from arithmetic, the batches in order
_STILL = DATA["rings"].replace(
    "torch.randn(768, 6)", "torch.sin(torch.arange(4608.) ** 1.5).reshape(768, 6) * 1.4"
)
_WEIGHTS = """
for number, p in enumerate(model.parameters()):
    p.data = torch.cos(torch.arange(p.numel()) * 1.7 + number).reshape(p.shape) * 0.3
"""
SCRIPTS += tuple(
    SickScript(
        f"still {shown}",
        LOOP.format(
            data=_STILL.format(seed=0) + _WEIGHTS,
            optimizer="torch.optim.Adam(model.parameters(), lr=1.0)",
            epochs=6,
            before=PRINTS[shown][0],
            each=PRINTS[shown][1],
            after=PRINTS[shown][2],
            order=FIXED,
        ),
        LOWER,
        frozenset({"undecided"}),
        held,
    )
    for shown, held in (("plain", ("val loss", "val acc")), ("silent", ()))
)
