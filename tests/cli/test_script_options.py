"""Whose the options are that stand behind a script."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from relume.cli.script_options import PlacedWords, options_of_script, place_words

TAKES = {
    **dict.fromkeys(("--acts", "--seeds", "-j", "--jobs", "--dir"), True),
    **dict.fromkeys(("--fresh", "-m", "--module", "--help"), False),
}
Placer = Callable[[Sequence[str], Mapping[str, bool]], PlacedWords]
# as typed, as the parser is to get it, and what the script is to get
ROWS = {
    "nothing behind": ("--seeds 3 train.py", "--seeds 3 train.py", ""),
    "as the README has it": (
        "train.py --acts relu,gelu --seeds 5",
        "--acts relu,gelu --seeds 5 train.py",
        "",
    ),
    "the script's own": ("train.py --epochs 3", "train.py --epochs 3", "--epochs 3"),
    "both": (
        "train.py data --epochs 3 --seeds 4 -v --fresh more",
        "--seeds 4 --fresh train.py data --epochs 3 -v more",
        "data --epochs 3 -v more",
    ),
    "with an equals sign": (
        "train.py --seeds=4 --lr=0.1",
        "--seeds=4 train.py --lr=0.1",
        "--lr=0.1",
    ),
    "after the dashes": (
        "train.py --seeds 4 -- --seeds 9 --fresh",
        "--seeds 4 train.py --seeds 9 --fresh",
        "--seeds 9 --fresh",
    ),
    "dashes for the script": ("train.py -- -- x", "train.py -- x", "-- x"),
    "a value like a script": (
        "--dir runs.py train.py --dir b",
        "--dir runs.py --dir b train.py",
        "",
    ),
    "a module": ("-m pkg.train --seeds 3 -m 0.9", "-m --seeds 3 pkg.train -m 0.9", "-m 0.9"),
    "a letter with its value": ("train.py -j 2 -j2", "-j 2 train.py -j2", "-j2"),
    "dashes in front": ("-- train.py --seeds 3", "-- train.py --seeds 3", None),
    "no script": ("--seeds 3", "--seeds 3", None),
}


def wrong(place: Placer) -> set[str]:
    """The rows that come out otherwise."""
    found: set[str] = set()
    for name, (typed, wanted, left) in ROWS.items():
        got = place(typed.split(), TAKES)
        if " ".join(got.words) != wanted or (left is not None and " ".join(got.left) != left):
            found.add(name)
    return found


def test_every_row() -> None:
    assert wrong(place_words) == set()


def test_one_that_leaves_all_to_the_script_is_rejected() -> None:
    def lazy(words: Sequence[str], takes: Mapping[str, bool]) -> PlacedWords:
        return PlacedWords(tuple(words), left=tuple(words[1:]))

    assert {"as the README has it", "both", "after the dashes"} <= wrong(lazy)


def test_one_that_takes_what_follows_the_dashes_is_rejected() -> None:
    def greedy(words: Sequence[str], takes: Mapping[str, bool]) -> PlacedWords:
        return place_words([word for word in words if word != "--"], takes)

    assert wrong(greedy) == {"after the dashes", "dashes for the script", "dashes in front"}


KNOWN = {
    'parser.add_argument("-s", "--steps", type=int)': {"-s", "--steps"},
    '@click.option("--fresh/--no-fresh")\ndef main(): ...': {"--fresh", "--no-fresh"},
    '"""Usage: train.py [--seeds=N] [-v | --dir DIR]"""': {"--seeds", "-v", "--dir"},
    "import typer\ndef main(steps: int = 3, out_dir: str = ''): ...": {
        *("--steps", "--out-dir", "--out_dir"),
    },
    "from transformers import HfArgumentParser\nclass A:\n    seeds: int = 3": {"--seeds"},
    "def main(steps: int = 3): ...": set[str](),
    "x = 1 - 2; y = 'a - b'": set[str](),
    "this is no Python": set[str](),
}


@pytest.mark.parametrize("source", KNOWN)
def test_what_a_script_knows_is_read_from_its_source(source: str, tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(source)
    assert options_of_script(path) == KNOWN[source]


def test_what_cannot_be_read_knows_nothing(tmp_path: Path) -> None:
    assert options_of_script(tmp_path / "nowhere.py") == frozenset()
    assert options_of_script(tmp_path) == frozenset()
