"""Patches of small scripts: what they change, that git takes them, and that they can be undone."""

import runpy
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from relume.core.trial import Edit, SourceChange
from relume.errors import UsageError
from relume.fixes import write_patch
from relume.fixes.patches import manual_instructions, patch_of, patches_of
from relume.fixes.source.diff import Patch

SCRIPT = '''"""A script of somebody's."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
RATE = 0.1  # a rate


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(4, 8)
        self.act = nn.Sigmoid()   # odd spacing stays
        self.fc2 = nn.Linear(8, 3)

    def forward(self, x):
        x = self.act(self.fc1(x))
        x = F.sigmoid(x)  # twice
        return F.softmax(self.fc2(x), dim=0)


model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=RATE, weight_decay=0.5)
for _ in range(2):
    optimizer.zero_grad()
    out = model(torch.ones(5, 4))
    loss = F.nll_loss(out, torch.zeros(5, dtype=torch.long))
    loss.backward()
    # and now the step
    optimizer.step()
'''

STACK = """import torch
from torch import nn

net = nn.Sequential(
    nn.Linear(4, 8),
    nn.Linear(8, 8),  # the middle
    nn.Linear(8, 3),
    nn.ReLU(),
)
opt = torch.optim.Adam(net.parameters(), 1e-1)
net(torch.ones(2, 4)).sum().backward()
opt.step()
"""


PARSED = SCRIPT.replace(
    "RATE = 0.1  # a rate",
    """import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("-l", "--learning-rate", type=float, default=0.1,
                    help="the rate")  # of Adam
args = parser.parse_args([])""",
).replace("lr=RATE", "lr=args.learning_rate")
CLICKED = SCRIPT.replace(
    "RATE = 0.1  # a rate",
    """click = type("click", (), {k: lambda *a, **b: lambda f: f for k in ("command", "option")})


@click.command()
@click.option("--rate", default=.1)
def main(rate):
    return torch.optim.Adam([torch.zeros(1)], lr=rate)


""",
).replace("torch.optim.SGD(model.parameters(), lr=RATE, weight_decay=0.5)", "main(0.1)")


def line_of(text: str, part: str) -> int:
    return next(at for at, line in enumerate(text.splitlines(), 1) if part in line)


@dataclass(frozen=True)
class Row:
    """An edit of a script, and the lines that go and come (without their indentation)."""

    text: str
    edit: Edit
    gone: tuple[str, ...]
    come: tuple[str, ...]
    at: str = ""


def edit(fix: str, sites: tuple[str, ...] = (), **options: object) -> Edit:
    return Edit(fix, options, sites, "weights drawn anew")  # type: ignore[arg-type]


DRAW = {"layers": ("fc1", "fc2"), "behind": ("sigmoid", "")}


def drawn(layers: str, std: str, *more: str) -> tuple[str, ...]:
    """The lines of a block that draws these layers."""
    return (
        f"for name in [{layers}]:",
        "layer = model.get_submodule(name)",
        "fan_in = layer.weight[0].numel()",
        *more,
        "with torch.no_grad():",
        f"std = {std}",
        "layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) * std)",
        "if layer.bias is not None:",
        "layer.bias.zero_()",
    )


BEGIN = ("# weights drawn anew", "generator = torch.Generator().manual_seed(1729)")
BLOCK = (
    *BEGIN,
    *drawn('"fc1"', "1.8462 / fan_in**0.5"),
    *drawn('"fc2"', "1 / fan_in**0.5"),
)
ROWS = {
    "rate in a variable": Row(
        SCRIPT,
        edit("lower-learning-rate", factor=0.1),
        ("RATE = 0.1  # a rate",),
        ("RATE = 0.01  # a rate",),
    ),
    "rate in the call": Row(
        STACK,
        edit("raise-learning-rate", factor=10.0),
        ("opt = torch.optim.Adam(net.parameters(), 1e-1)",),
        ("opt = torch.optim.Adam(net.parameters(), 1)",),
    ),
    "rate as an option": Row(
        PARSED,
        edit("lower-learning-rate", factor=0.01),
        ('parser.add_argument("-l", "--learning-rate", type=float, default=0.1,',),
        ('parser.add_argument("-l", "--learning-rate", type=float, default=0.001,',),
    ),
    "rate as an option of click's": Row(
        CLICKED,
        edit("raise-learning-rate", factor=10.0),
        ('@click.option("--rate", default=.1)',),
        ('@click.option("--rate", default=1)',),
    ),
    "rate by way of a variable": Row(
        PARSED.replace(
            "args = parser.parse_args([])",
            "args = parser.parse_args([])\nRATE = args.learning_rate",
        ).replace("lr=args.learning_rate", "lr=RATE"),
        edit("lower-learning-rate", factor=0.1),
        ('parser.add_argument("-l", "--learning-rate", type=float, default=0.1,',),
        ('parser.add_argument("-l", "--learning-rate", type=float, default=0.01,',),
    ),
    "rate of a factory's optimiser": Row(
        SCRIPT.replace(
            "torch.optim.SGD(model.parameters(), lr=RATE, weight_decay=0.5)",
            "MADE['sgd'](model.parameters(), **{'lr': RATE})",
        ).replace("RATE = 0.1  # a rate", "RATE, MADE = 0.1, {'sgd': torch.optim.SGD}"),
        edit("lower-learning-rate", factor=0.1),
        (),
        (
            "# lr times 0.1",
            "for group in optimizer.param_groups:",
            'group["lr"] *= 0.1',
        ),
    ),
    "biases without layers": Row(
        SCRIPT,
        edit("zero-raw-bias"),
        (),
        (
            "# biases that drown the signal set to zero",
            "with torch.no_grad():",
            "for group in optimizer.param_groups:",
            'for tensor in group["params"]:',
            "if tensor.dim() == 1 and tensor.abs().min() > 1:",
            "tensor.zero_()",
        ),
    ),
    "weight decay": Row(
        SCRIPT,
        edit("lower-weight-decay", factor=0.1),
        ("optimizer = torch.optim.SGD(model.parameters(), lr=RATE, weight_decay=0.5)",),
        ("optimizer = torch.optim.SGD(model.parameters(), lr=RATE, weight_decay=0.05)",),
    ),
    "clip": Row(
        SCRIPT,
        edit("clip-gradient", norm=1.0),
        (),
        (
            "torch.nn.utils.clip_grad_norm_([p for group in optimizer.param_groups "
            'for p in group["params"]], max_norm=1)',
        ),
    ),
    "clear": Row(
        SCRIPT,
        edit("clear-gradients"),
        (),
        ("optimizer.zero_grad()  # else backward adds to them",),
    ),
    "eps": Row(
        SCRIPT.replace("weight_decay=0.5)", "eps=1.0)").replace("optim.SGD", "optim.Adam"),
        edit("usual-eps", eps=1e-8),
        ("optimizer = torch.optim.Adam(model.parameters(), lr=RATE, eps=1.0)",),
        ("optimizer = torch.optim.Adam(model.parameters(), lr=RATE, eps=1e-08)",),
    ),
    "skip": Row(
        SCRIPT,
        edit("skip-broken-steps"),
        (),
        (
            'gradients = [p.grad for group in optimizer.param_groups for p in group["params"]]',
            "if not all(grad.isfinite().all() for grad in gradients if grad is not None):",
            "optimizer.zero_grad(set_to_none=True)  # and so takes no step",
        ),
    ),
    "init": Row(SCRIPT, edit("matching-init", **DRAW), (), BLOCK),
    "xavier": Row(
        SCRIPT,
        edit("xavier-init", layers=("fc1",), behind=("tanh",)),
        (),
        (
            *BEGIN,
            *drawn(
                '"fc1"', "(2 / (fan_in + fan_out)) ** 0.5", "fan_out = layer.weight[:, 0].numel()"
            ),
        ),
    ),
    "scale logits": Row(
        SCRIPT.replace("F.nll_loss(out,", "F.cross_entropy(out,"),
        edit("scale-logits", factor=4.3),
        ("loss = F.cross_entropy(out, torch.zeros(5, dtype=torch.long))",),
        ("loss = F.cross_entropy(4.3 * out, torch.zeros(5, dtype=torch.long))",),
    ),
    "siren": Row(
        SCRIPT,
        edit("siren-init", layers=("fc1",), behind=("tanh",), omega=30.0),
        (),
        (*BEGIN, *drawn('"fc1"', "(2 / fan_in) ** 0.5 / 30")),
    ),
    "zero bias": Row(
        SCRIPT,
        edit("zero-bias", ("fc1", "fc2")),
        (),
        (
            "# weights drawn anew",
            'for name in ["fc1", "fc2"]:',
            "torch.nn.init.constant_(model.get_submodule(name).bias, 0)",
        ),
    ),
    "open gate": Row(
        SCRIPT,
        edit("open-gate", ("fc2",), value=2.0),
        (),
        (
            "# weights drawn anew",
            'for name in ["fc2"]:',
            "torch.nn.init.constant_(model.get_submodule(name).bias, 2)",
        ),
    ),
    "every act": Row(
        SCRIPT,
        edit("swap-act", act="gelu", init="keep", old=("sigmoid",), every=True),
        ("self.act = nn.Sigmoid()   # odd spacing stays", "x = F.sigmoid(x)  # twice"),
        ("self.act = nn.GELU()   # odd spacing stays", "x = F.gelu(x)  # twice"),
    ),
    "one act, drawn anew": Row(
        SCRIPT,
        edit(
            "swap-act",
            act="relu",
            init="match",
            old=("sigmoid",),
            every=False,
            layers=("fc1",),
            behind=("relu",),
        ),
        ("x = F.sigmoid(x)  # twice",),
        (
            "x = F.relu(x)  # twice",
            *BEGIN,
            *drawn('"fc1"', "1.4142 / fan_in**0.5"),
        ),
        at="F.sigmoid",
    ),
    "axis": Row(
        SCRIPT,
        edit("class-axis", axis=-1),
        ("return F.softmax(self.fc2(x), dim=0)",),
        ("return F.softmax(self.fc2(x), dim=-1)",),
        at="F.softmax",
    ),
    "softmax": Row(
        SCRIPT,
        edit("logits-to-criterion", act="softmax"),
        ("return F.softmax(self.fc2(x), dim=0)",),
        ("return self.fc2(x)",),
        at="F.softmax",
    ),
    "idle act": Row(
        SCRIPT,
        edit("drop-idle-act", act="sigmoid"),
        ("x = F.sigmoid(x)  # twice",),
        ("x = x  # twice",),
        at="F.sigmoid",
    ),
    "last module": Row(
        STACK,
        edit("drop-act", act="relu"),
        ("nn.ReLU(),",),
        (),
        at="net(torch.ones",
    ),
    "criterion": Row(
        SCRIPT,
        edit("log-probabilities", raw=True),
        ("loss = F.nll_loss(out, torch.zeros(5, dtype=torch.long))",),
        ("loss = F.cross_entropy(out, torch.zeros(5, dtype=torch.long))",),
        at="nll_loss",
    ),
    "inserted act": Row(
        STACK,
        edit("insert-act", ("0", "1"), act="relu"),
        (),
        (
            *BEGIN,
            *(line.replace("model", "net") for line in drawn('"0", "1"', "1.4142 / fan_in**0.5")),
            'for name in ["0", "1"]:',
            "layer = net.get_submodule(name)",
            "net.set_submodule(name, torch.nn.Sequential(layer, torch.nn.ReLU()))",
        ),
    ),
}


def made(row: Row, root: Path, text: str | None = None) -> tuple[Path, Patch | None]:
    path = root / "some where" / "train.py"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes((row.text if text is None else text).encode())
    line = line_of(row.text, row.at) if row.at else 0
    asked = Edit(row.edit.fix, row.edit.options, row.edit.sites, row.edit.text, str(path), line)
    return path, patch_of(asked, root)


def lines(diff: str, sign: str) -> tuple[str, ...]:
    found = [line[1:].strip() for line in diff.splitlines() if line.startswith(sign)]
    return tuple(line for line in found if line and not line.startswith(sign * 2))


def git(root: Path, *words: str, given: str = "") -> None:
    done = subprocess.run(
        ["git", *words], cwd=root, input=given, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ROWS)
def test_it_changes_what_it_says_and_runs(name: str, tmp_path: Path) -> None:
    row = ROWS[name]
    path, patch = made(row, tmp_path)
    assert patch is not None
    assert lines(patch.diff(), "-") == row.gone
    assert lines(patch.diff(), "+") == row.come
    path.write_text(patch.after)
    runpy.run_path(str(path))


@pytest.mark.parametrize("name", ROWS)
def test_git_applies_it_and_takes_it_back(name: str, tmp_path: Path) -> None:
    path, patch = made(ROWS[name], tmp_path)
    assert patch is not None
    before = path.read_bytes()
    git(tmp_path, "init", "-q")
    git(tmp_path, "apply", "-", given=patch.diff())
    assert path.read_bytes() == patch.after.encode()
    git(tmp_path, "apply", "-", given=patch.reverse().diff())
    assert path.read_bytes() == before


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_other_ends_of_lines_stay(end: str, tmp_path: Path) -> None:
    text = SCRIPT.rstrip("\n").replace("\n", end)  # and no newline at the end
    path, patch = made(ROWS["rate in a variable"], tmp_path, text)
    assert patch is not None
    git(tmp_path, "init", "-q")
    git(tmp_path, "config", "core.autocrlf", "false")
    git(tmp_path, "apply", "--whitespace=nowarn", "-", given=patch.diff())
    assert path.read_bytes() == text.replace("RATE = 0.1 ", "RATE = 0.01 ").encode()


SIGMOID = "F.sigmoid(x)"
OWN = SCRIPT.replace(
    "    def forward(self, x):",
    """    def sigmoid(self, x):
        return x + 1

    def forward(self, x):""",
)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ("clip", SCRIPT + "optimizer.step()\n"),
        (
            "rate in a variable",
            SCRIPT.replace("torch.optim.SGD(", "own.SGD(").replace("optimizer.step()", "step()"),
        ),
        ("init", SCRIPT + "other = torch.optim.SGD(model.parameters(), lr=0.5)\n"),
        ("softmax", SCRIPT.replace("F.softmax(self.fc2(x), dim=0)", "soft(self.fc2(x))")),
        ("idle act", OWN.replace(SIGMOID, "self.sigmoid(x)").replace("nn.Sigmoid()", "nn.ELU()")),
        ("idle act", OWN.replace(SIGMOID, "Net.sigmoid(self, x)").replace("nn.Sig", "nn.LogSig")),
        ("every act", SCRIPT.replace("x = F.sigmoid(x)  # twice", "F.sigmoid_(x)")),
        ("axis", SCRIPT.replace("F.softmax(self.fc2(x), dim=0)", "self.fc2.softmax(x)")),
        ("criterion", SCRIPT.replace("F.nll_loss(out", "nll(out")),
        ("init", "this is no Python"),
    ],
)
def test_where_it_is_not_simple_there_is_no_patch(row: str, text: str, tmp_path: Path) -> None:
    assert made(ROWS[row], tmp_path, text)[1] is None


RELU = SCRIPT.replace("nn.Sigmoid()", "nn.ReLU(inplace=True)").replace(
    SIGMOID, "F.relu(x, inplace=True)"
)


@pytest.mark.parametrize(
    ("row", "text", "come"),
    [
        ("rate in a variable", SCRIPT.replace("RATE = 0.1", "RATE = 0.1 * 1"), "lr=RATE * 0.1,"),
        ("rate in a variable", SCRIPT.replace("lr=RATE", 'lr=o["rate"]'), 'lr=o["rate"] * 0.1,'),
        ("rate in a variable", SCRIPT.replace("lr=RATE, ", ""), "lr=0.0001)"),
        ("rate as an option", PARSED.replace("default=0.1", "default=1 / 10"), "rate * 0.01,"),
        ("rate as an option", PARSED + "args.learning_rate *= 2\n", "learning_rate * 0.01,"),
        ("rate as an option", PARSED + "parser.set_defaults(learning_rate=1.0)\n", "* 0.01,"),
        ("clip", SCRIPT.replace("import torch\n", "import torch as t\n", 1), "import torch"),
        ("every act", SCRIPT.replace(SIGMOID, "x.sigmoid()"), "x = torch.nn.functional.gelu(x)"),
        ("every act", SCRIPT.replace(SIGMOID, "torch.sigmoid(x)"), "torch.nn.functional.gelu(x)"),
        ("softmax", SCRIPT.replace("F.softmax(self.fc2(x), dim=0)", "self.fc2(x).softmax(0)"),
         "return self.fc2(x)"),
    ],
)  # fmt: skip
def test_other_spellings_are_understood(row: str, text: str, come: str, tmp_path: Path) -> None:
    _, patch = made(ROWS[row], tmp_path, text)
    assert patch is not None
    assert any(come in line for line in lines(patch.diff(), "+"))


def test_an_act_keeps_no_argument_that_the_new_one_has_not(tmp_path: Path) -> None:
    options = {"act": "gelu", "init": "keep", "old": ("relu",), "every": True}
    row = Row(RELU, edit("swap-act", **options), (), ())
    path, patch = made(row, tmp_path)
    assert patch is not None
    assert lines(patch.diff(), "+") == (
        "self.act = nn.GELU()   # odd spacing stays",
        "x = F.gelu(x)  # twice",
    )
    path.write_text(patch.after)
    runpy.run_path(str(path))


def test_edits_together_are_one_patch(tmp_path: Path) -> None:
    path, _ = made(ROWS["softmax"], tmp_path)
    where = {"file": str(path), "line": line_of(SCRIPT, "F.softmax")}
    softmax = Edit("logits-to-criterion", {"act": "softmax"}, (), "", **where)  # type: ignore[arg-type]
    rate = Edit("lower-learning-rate", {"factor": 0.1}, (), "")
    (patch,) = patches_of([rate, softmax], tmp_path, files=[str(path)])
    assert lines(patch.diff(), "-") == ("RATE = 0.1  # a rate", ROWS["softmax"].gone[0])
    assert patches_of([rate, Edit("recycle-dead-units", {}, (), "")], tmp_path) == ()


def test_what_was_written_is_undone_to_the_last_byte(tmp_path: Path) -> None:
    path, patch = made(ROWS["axis"], tmp_path, SCRIPT.replace("\n", "\r\n"))
    assert patch is not None
    before = path.read_bytes()
    change = SourceChange(patch.file, patch.before, patch.after)
    write_patch.write([change], tmp_path, tmp_path / "kept")
    assert path.read_bytes() == patch.after.encode()
    with pytest.raises(UsageError, match="has changed since it was read"):
        write_patch.write([change], tmp_path, tmp_path / "kept")
    path.write_text("other")
    with pytest.raises(UsageError, match="has changed since the patch was written"):
        write_patch.undo(tmp_path / "kept")
    path.write_bytes(patch.after.encode())
    assert write_patch.undo(tmp_path / "kept") == (patch.file,)
    assert path.read_bytes() == before
    with pytest.raises(UsageError, match="nothing to undo"):
        write_patch.undo(tmp_path / "kept")


WORDS = {
    "": "",
    "--epochs 5": "",
    "--learning-rate 0.3": "run the script with --learning-rate 0.03 instead of 0.3.",
    "--learning-rate=0.3": "run the script with --learning-rate 0.03 instead of 0.3.",
    "--learn 0.3 --learning-rate 0.5": "run the script with --learning-rate 0.05 instead of 0.5.",
    "-l 0.3": "run the script with --learning-rate 0.03 instead of 0.3.",
    "-l0.3": "run the script with --learning-rate 0.03 instead of 0.3.",
    "-l fast": "run the script with a --learning-rate of 0.1 times what it is now.",
}


@pytest.mark.parametrize("typed", WORDS)
def test_where_the_option_was_given_its_default_stays(typed: str, tmp_path: Path) -> None:
    path, _ = made(ROWS["rate as an option"], tmp_path)
    asked = Edit("lower-learning-rate", {"factor": 0.1}, (), "", str(path))
    patch = patch_of(asked, tmp_path, typed.split())
    assert (patch is None) == bool(WORDS[typed])
    if patch is None:
        assert manual_instructions(asked, tmp_path, typed.split()) == WORDS[typed]
    else:
        assert lines(patch.diff(), "+")[0].endswith("default=0.01,")


def test_a_default_that_is_no_number_is_told_in_words(tmp_path: Path) -> None:
    text = PARSED.replace("default=0.1", "required=True")
    path, _ = made(ROWS["rate as an option"], tmp_path, text)
    asked = Edit("lower-learning-rate", {"factor": 0.1}, (), "", str(path))
    assert manual_instructions(asked, tmp_path) == (
        "run the script with a --learning-rate of 0.1 times what it is now."
    )
    assert (
        manual_instructions(Edit("clip-gradient", {"norm": 1.0}, (), "", str(path)), tmp_path) == ""
    )


def test_only_what_is_the_users_own(tmp_path: Path) -> None:
    path, patch = made(ROWS["axis"], tmp_path)
    assert patch is not None
    assert patch.file == "some where/train.py"
    other = tmp_path / "other"
    other.mkdir()
    assert patch_of(Edit("class-axis", {"axis": -1}, (), "", str(path), 21), other) is None
    assert patch_of(Edit("class-axis", {"axis": -1}, (), "", "", 21), tmp_path) is None
    assert patch_of(Edit("insert-norm", {}, (), "", str(path), 21), tmp_path) is None


WITHOUT = """
import sys

sys.modules["libcst"] = None  # as if it were not installed
from pathlib import Path

from relume.fixes.ladder import all_fixes
from relume.core.trial import Edit
from relume.fixes.patches import libcst_missing, patch_of

edit = Edit("class-axis", {"axis": -1}, (), "", sys.argv[1], int(sys.argv[2]))
print(sum(fix.patch is not None for fix in all_fixes()) > 10, patch_of(edit, Path.cwd()))
print(libcst_missing())
"""


def test_without_libcst_there_are_all_fixes_and_no_patch(tmp_path: Path) -> None:
    path, patch = made(ROWS["axis"], tmp_path)
    assert patch is not None
    line = str(line_of(SCRIPT, ROWS["axis"].at))
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(path), line],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.stdout.splitlines() == [
        "True None",
        "a patch needs libcst, which is not installed: pip install 'relume[patch]'.",
    ], done.stderr
