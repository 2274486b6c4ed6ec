"""Unchanged public programs under `relume run`: is one disturbed, and is its output its own?

    python benchmarks/programs.py FOLDER [--later] [--only NAME] [--piece 1/4] [--show] [--steps N]

`FOLDER` lies beside this repository and holds a checkout of each public repository in `PROGRAMS` as
`OWNER__NAME`; a program whose repository or package is missing is skipped and said so. Nothing of
them is part of relume. `FOLDER/site`, where it exists, is put on the path of every program:
packages that some of them need (gymnasium, matplotlib).

Every program runs twice from the same copy, as plain `python` and under `relume run`. Both get a
`sitecustomize` that seeds Python, NumPy and torch and ends the program with status 0 after so many
backward passes, since few of them can be told to be short. Data that a program would download are
drawn at random in its format (`DATA`), or made by the program's own script.

Told is, for each: the verdict, the outcome, every finding of `warning` and above, and whether
standard output and the exit status were those of `python`. All are programs that work, so a warning
is a false alarm, unless the drawn data are the reason (`drawn`: nothing can be learned from them).
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from public_programs import LATER, PROGRAMS, Program

SECONDS = 400.0
TIMES = re.compile(
    r"[\d.]+ ?(ms|s|sec|seconds|it/s)\b|[\d:]+<[\d:]+|ms/batch *[\d.]+|SPS: \d+|.*ms/step.*"
)
START = """
import os, random, secrets
secrets.randbits = lambda bits: 20_260_101 % (1 << bits)  # what unseeded generators begin with
random.seed(0)
import numpy, torch
numpy.random.seed(0)
torch.manual_seed(0)
torch.set_num_threads(1)
known = torch.library.register_fake
def register_fake(name, *args, **keywords):
    if str(name).startswith("torchvision::"):
        return lambda function: function
    return known(name, *args, **keywords)
torch.library.register_fake = register_fake
try:
    import gymnasium, sys
    sys.modules.setdefault("gym", gymnasium)
except ImportError:
    pass
left = [int(os.environ["PROGRAM_STEPS"])]
plain = torch.Tensor.backward
def backward(self, *args, **keywords):
    left[0] -= 1
    if left[0] < 0:
        raise SystemExit(0)
    return plain(self, *args, **keywords)
torch.Tensor.backward = backward
"""
"""The `sitecustomize` of both runs; torchvision may lack its compiled operations, and gymnasium is
what gym is called today."""


def digits(folder: Path) -> None:
    """Pictures in the form of MNIST, beside the program and one folder above."""
    above = folder.parent
    roots = [folder, folder / "data", above / "data", above.parent / "data"]
    for root in (*roots, above.parent / "data" / "mnist"):
        raw = root / "MNIST" / "raw"
        raw.mkdir(parents=True, exist_ok=True)
        for part, count in (("train", 6_000), ("t10k", 1_000)):
            pictures, labels = pictures_of_digits(count)
            head = np.array([0x803, count, 28, 28], ">i4").tobytes()
            (raw / f"{part}-images-idx3-ubyte").write_bytes(head + pictures.tobytes())
            head = np.array([0x801, count], ">i4").tobytes()
            (raw / f"{part}-labels-idx1-ubyte").write_bytes(head + labels.tobytes())


def pictures_of_digits(count: int) -> tuple[Any, Any]:
    """scikit-learn's digits, three times as large and moved about on a black ground."""
    from sklearn.datasets import load_digits

    rng = np.random.default_rng(0)
    small: Any = load_digits()
    drawn = rng.permutation(np.arange(count) % len(small.images))
    large = np.kron(small.images[drawn] * 15.9, np.ones((1, 3, 3))).astype(np.uint8)
    pictures = np.zeros((count, 28, 28), np.uint8)
    for picture, digit, (row, column) in zip(
        pictures, large, rng.integers(0, 5, (count, 2)), strict=True
    ):
        picture[row : row + 24, column : column + 24] = digit
    return pictures, small.target[drawn].astype(np.uint8)


def sentences(count: int) -> str:
    """Words in an order that a model can learn."""
    rng = np.random.default_rng(0)
    who, does, what = ("cat", "dog", "bird"), ("sees", "eats", "likes"), ("a mouse", "the tree")
    lines = (f"the {who[a]} {does[a]} {what[b]} ." for a, b in rng.integers(0, (3, 2), (count, 2)))
    return "\n".join(lines) + "\n"


def words(folder: Path) -> None:
    """Sentences in three files, for a model of words."""
    data = folder / "data" / "wikitext-2"
    data.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", 6_000), ("valid", 300), ("test", 300)):
        (data / f"{part}.txt").write_text(sentences(count))


def characters(folder: Path) -> None:
    """Sentences as numbers of characters in 16 bits, with their alphabet."""
    import pickle

    data = folder / "data" / "shakespeare_char"
    data.mkdir(parents=True, exist_ok=True)
    text = sentences(4_000)
    alphabet = sorted(set(text))
    code = {letter: at for at, letter in enumerate(alphabet)}
    numbers = np.array([code[letter] for letter in text], np.uint16)
    numbers[: len(numbers) * 9 // 10].tofile(data / "train.bin")
    numbers[len(numbers) * 9 // 10 :].tofile(data / "val.bin")
    meta = {"vocab_size": len(alphabet), "stoi": code, "itos": dict(enumerate(alphabet))}
    (data / "meta.pkl").write_bytes(pickle.dumps(meta))


DATA: dict[str, Callable[[Path], None]] = {
    "digits": digits,
    "words": words,
    "characters": characters,
}


@dataclass(frozen=True)
class Ran:
    """What came of one program."""

    program: Program
    reason: str = ""
    verdict: str = ""
    outcome: str = ""
    warnings: tuple[str, ...] = ()
    same: bool = True


def run(program: Program, folder: Path, steps: int) -> Ran:
    """Run one program both ways."""
    source = folder / program.repository.replace("/", "__")
    if not (source / program.file).exists():
        return Ran(program, f"{source / program.file} is missing")
    with tempfile.TemporaryDirectory() as kept:
        root = Path(kept)
        (root / "start").mkdir()
        (root / "start" / "sitecustomize.py").write_text(START)
        told = root / "told.json"
        relume = ["-m", "relume", "run", "--isolated", "--dir", str(root), "--output-format"]
        plain = _once(program, source, root / "plain", [], steps)
        if plain.returncode:
            last = plain.stderr.strip().splitlines()[-1:] or ["no word"]
            return Ran(program, f"status {plain.returncode} under python: {last[0]}"[:200])
        seen = _once(program, source, root / "seen", [*relume, "json", "-o", str(told)], steps)
        if not told.exists():
            return Ran(program, f"no diagnosis: {seen.stderr.strip()[-200:]}")
        return _ran(program, plain, seen, json.loads(told.read_text("utf-8")))


def _once(
    program: Program, source: Path, copy: Path, words: list[str], steps: int
) -> "subprocess.CompletedProcess[str]":
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns(".git", "*.png", "*.ipynb"))
    script = copy / program.file
    where = copy / program.folder if program.folder else script.parent
    if program.data:
        DATA[program.data](where)
    here = Path(__file__).resolve().parent.parent
    paths = [copy.parent / "start", copy if program.folder else where, here / "src"]
    if (site := source.parent / "site").is_dir():
        paths.append(site)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(path.resolve()) for path in paths),
        "PROGRAM_STEPS": str(steps or program.steps),
        "MPLBACKEND": "agg",
        "KERAS_HOME": str(where),
        "PYTHONHASHSEED": "0",
        "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1",  # files of their own, of older versions
        **dict(pair.split("=") for pair in program.environment.split()),
    }
    if program.before:
        subprocess.run([sys.executable, program.before], cwd=where, env=environment, check=False)
    name = os.path.relpath(script, where)
    return subprocess.run(
        [sys.executable, *words, name, *program.arguments.split()],
        cwd=where,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def _ran(
    program: Program,
    plain: "subprocess.CompletedProcess[str]",
    seen: "subprocess.CompletedProcess[str]",
    told: dict[str, Any],
) -> Ran:
    findings = [f for f in told["findings"] if f["severity"] in ("warning", "error")]
    alarms = [f for f in findings if f["code"] not in program.borne_out]
    loud = tuple(f"{f['code']}@{f['site'] or '-'}: {f['message']}" for f in alarms)
    same = _untimed(plain.stdout) == _untimed(seen.stdout)
    same = same and seen.returncode in (plain.returncode, 1)
    return Ran(program, "", told["verdict"], told["outcome"]["text"], loud, same)


def _untimed(printed: str) -> str:
    """What a program printed, without times; how often a bar of Keras is drawn is one too."""
    return re.sub(r"(#\n)+", "#\n", TIMES.sub("#", printed) + "\n").rstrip("\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--later", action="store_true", help="the programs of the second list")
    parser.add_argument("--only", default="")
    parser.add_argument("--piece", default="1/1", help="I/N: every Nth program from the Ith")
    parser.add_argument("--steps", type=int, default=0, help="backward passes of each program")
    parser.add_argument("--show", action="store_true", help="what is told of each")
    words = parser.parse_args()
    first, every = (int(word) for word in words.piece.split("/"))
    known = LATER if words.later else PROGRAMS
    chosen = [program for program in known if words.only in program.name][first - 1 :: every]
    done: list[Ran] = []
    for program in chosen:
        try:
            done.append(run(program, words.folder.resolve(), words.steps))
        except subprocess.TimeoutExpired:
            done.append(Ran(program, f"not done in {SECONDS:g} s"))
        _say(done[-1], words.show)
    ran = [one for one in done if not one.reason]
    learnable = [one for one in ran if not one.program.drawn]
    disturbed = sum(bool(one.warnings) for one in learnable)
    other = [one.program.name for one in ran if not one.same]
    print(
        f"{len(ran)} of {len(done)} programs ran; with a warning {disturbed} of the "
        f"{len(learnable)} whose data can be learned"
    )
    print(f"other output or status than python: {', '.join(other) or 'none'}")


def _say(one: Ran, show: bool) -> None:
    text = one.reason and f"skipped: {one.reason}"
    text = text or f"{one.verdict}; {len(one.warnings)} warnings{'' if one.same else '; DIFFERS'}"
    print(f"{one.program.kind:<14} {one.program.name:<52} {text}", flush=True)
    if show and not one.reason:
        print(f"    {one.outcome}")
        for line in one.warnings:
            print(f"    {line}")


if __name__ == "__main__":
    main()
