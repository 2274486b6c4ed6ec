"""The card as a whole: what it carries, how it is kept, what it refuses."""

import json
import math
from pathlib import Path
from typing import Any

import planted as own
import pytest
import torch

import relume
from relume.acts.act import Act
from relume.cards import build_card as room
from relume.cards import card_cache
from relume.cards.build_card import card, properties
from relume.core import Card, Curve, Measured
from relume.errors import UnknownNameError, UsageError

QUICK: dict[str, Any] = {"width": 16, "depth": 2, "samples": 50, "timing": False}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("RELUME_CACHE", str(tmp_path / "kept"))
    return tmp_path / "kept" / "cards"


@pytest.fixture
def measurings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The acts that were really measured."""
    seen: list[str] = []
    true = room.curve

    def spy(act: Act) -> Curve:
        seen.append(act.name)
        return true(act)

    monkeypatch.setattr(room, "curve", spy)
    return seen


def test_a_card_carries_everything() -> None:
    made = card("leaky_relu(negative_slope=0.1)", **QUICK)
    assert made.act == "leaky_relu(negative_slope=0.1)"
    assert list(made.measured) == [one.name for one in properties()]
    assert made.torch == torch.__version__
    assert made.relume == relume.__version__
    assert made.machine["threads"] == torch.get_num_threads()
    assert made.parameters == {"negative_slope": 0.1}
    assert made.year == 2013
    for one in made.measured.values():
        assert one.method
        assert one.value is not None or one.note
    assert card("relu", **QUICK).act == "relu"


def test_the_curve_has_both_sides_of_a_kink() -> None:
    curve = card("relu", **QUICK).curve
    slopes = dict(zip(curve.z, curve.slope, strict=True))
    assert (slopes[-1e-9], slopes[1e-9]) == (0.0, 1.0)
    assert list(curve.z) == sorted(curve.z)
    assert curve.z[0] == -6.0
    assert card("softmax", **QUICK).curve == Curve()
    assert card("relu6", **QUICK).curve.z[-1] == 9.0  # its kink at 6 is well inside


@pytest.mark.parametrize("act", ["relu", "softmax", "squared_relu", "tanh", "xielu"])
def test_json_round_trip(act: str) -> None:
    made = card(act, **QUICK)
    assert Card.from_json(made.to_json()) == made
    json.loads(made.to_json(), parse_constant=pytest.fail)  # strict JSON: no bare Infinity


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "null", "{", "3", '{"act": "relu"}', "[" * 100_000, '"\\ud800"', "\x00"],
)
def test_what_is_no_card_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Card.from_json(text)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data.pop("curve"),
        lambda data: data["measured"]["mean"].pop("value"),
        lambda data: data["measured"]["mean"].update(colour=1),
        lambda data: data["measured"]["mean"].update(name="mode"),
        lambda data: data["curve"]["z"].pop(),
        lambda data: data.update(measured=[]),
        lambda data: data.update(machine=3),
    ],
)
def test_a_damaged_card_is_refused(damage: Any) -> None:
    data = json.loads(card("relu", **QUICK).to_json())
    damage(data)
    with pytest.raises(ValueError):
        Card.from_json(json.dumps(data))


def test_printing_a_card_is_readable_and_safe() -> None:
    made = card("elu", **QUICK)
    text = str(made)
    assert "Mean of post" in text
    assert "0.160" in text
    hostile = Card(**{**{f: getattr(made, f) for f in made.__slots__}, "act": "\x1b[31m\nred"})
    assert "\x1b" not in str(hostile)


def test_a_card_is_measured_once(measurings: list[str], folder: Path) -> None:
    one = card("tanh", **QUICK)
    assert card("tanh", **QUICK) == one
    assert measurings == ["tanh"]
    assert len(list(folder.iterdir())) == 1
    assert card("tanh", **QUICK, fresh=True) == one
    assert measurings == ["tanh", "tanh"]


@pytest.mark.parametrize(
    "other", [{"width": 17}, {"depth": 3}, {"samples": 51}, {"act": "elu(0.5)"}, {"act": "elu(2)"}]
)
def test_another_question_is_another_card(other: dict[str, Any], measurings: list[str]) -> None:
    card("elu", **QUICK)
    words = {"act": "elu", **QUICK, **other}
    card(words.pop("act"), **words)
    assert len(measurings) == 2


@pytest.mark.parametrize("fact", ["threads", "torch", "relume", "package", "cpu"])
def test_another_machine_or_build_is_another_card(
    fact: str, measurings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    card("tanh", **QUICK)
    if fact == "torch":
        monkeypatch.setattr(torch, "__version__", "9.9")
    elif fact == "relume":
        monkeypatch.setattr(room, "__version__", "9.9")
    elif fact == "package":
        monkeypatch.setattr(card_cache, "_package_hash", lambda: "changed")
    else:
        real = room.machine()
        monkeypatch.setattr(room, "machine", lambda: {**real, fact: 99})
    card("tanh", **QUICK)
    assert len(measurings) == 2


@pytest.mark.parametrize("damage", ["", "{}", "null", "no json", '{"card": "x", "sha256": "y"}'])
def test_a_damaged_file_is_measured_again(damage: str, measurings: list[str], folder: Path) -> None:
    one = card("tanh", **QUICK)
    path = next(folder.iterdir())
    path.write_text(damage)
    assert card("tanh", **QUICK) == one
    assert len(measurings) == 2
    assert card("tanh", **QUICK) == one  # and the file is good again
    assert len(measurings) == 2


def test_one_changed_digit_is_damage(measurings: list[str], folder: Path) -> None:
    true = card("relu", **QUICK)
    path = next(folder.iterdir())
    text = path.read_text()
    assert "0.398942" in text
    path.write_text(text.replace("0.398942", "0.498942"))
    assert card("relu", **QUICK) == true


def test_a_folder_that_cannot_be_written_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RELUME_CACHE", str(tmp_path / "file"))
    assert card("relu", **QUICK)["mean"].value == pytest.approx(1 / math.sqrt(2 * math.pi))


@pytest.mark.parametrize(
    ("named", "base", "expected"),
    [
        ("/a", "/b", "/a/cards"),
        (None, "/b", "/b/relume/cards"),
        ("", "/b", "/b/relume/cards"),
        (None, "not/absolute", "/home/x/.cache/relume/cards"),
        (None, None, "/home/x/.cache/relume/cards"),
    ],
)
def test_where_cards_are_kept(
    named: str | None, base: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/x")
    for key, value in (("RELUME_CACHE", named), ("XDG_CACHE_HOME", base)):
        if value is None:
            monkeypatch.delenv(key, raising=False)
        else:
            monkeypatch.setenv(key, value)
    assert card_cache.folder() == Path(expected)


def closing_over(size: float) -> Act:
    def scaled(z: torch.Tensor) -> torch.Tensor:
        return size * z

    return own.planted(scaled)


def test_one_source_with_two_values_closed_over_is_two_cards(measurings: list[str]) -> None:
    assert card(closing_over(2.0), **QUICK)["max_slope"].value == 2.0
    assert card(closing_over(3.0), **QUICK)["max_slope"].value == 3.0
    assert card(closing_over(2.0), **QUICK)["max_slope"].value == 2.0
    assert len(measurings) == 2


def test_an_act_without_a_source_is_never_kept(measurings: list[str], folder: Path) -> None:
    space: dict[str, Any] = {"__name__": "nowhere"}
    exec("def typed(z):\n    return z * 2.0", space)
    act = own.planted(space["typed"])
    for _ in range(2):
        assert card(act, **QUICK)["max_slope"].value == 2.0
    assert measurings == ["typed", "typed"]
    assert not folder.exists()


def test_a_hostile_name_stays_in_the_folder(folder: Path) -> None:
    def climbing(z: torch.Tensor) -> torch.Tensor:
        return z * 1.0

    climbing.__name__ = "../../../etc/passwd\n"
    card(own.planted(climbing), **QUICK)
    assert len(list(folder.iterdir())) == 1


def test_progress_names_every_property() -> None:
    told: list[str] = []
    card("relu", **QUICK, progress=told.append)
    assert told == [one.title for one in properties()]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"width": 0}, "width is 0; it is a whole number from 1 on."),
        ({"depth": -1}, "depth is -1; it is a whole number from 1 on."),
        ({"samples": 1.5}, "samples is 1.5; it is a whole number from 1 on."),
        ({"width": True}, "width is True; it is a whole number from 1 on."),
        ({"width": 10**6}, "width 1,000,000 with 3,000 samples does not fit in memory; "),
        ({"depth": 10**9}, "a net of depth 1,000,000,000 and width 512 takes too long."),
    ],
)
def test_what_it_refuses(words: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        card("relu", **words, timing=False)
    assert str(caught.value).startswith(sentence)


def test_an_unknown_act() -> None:
    with pytest.raises(UnknownNameError, match="unknown act 'gelo'; did you mean 'gelu'"):
        card("gelo")


def test_a_smallest_net_works() -> None:
    made = card("relu", width=1, depth=1, samples=1, timing=False)
    assert 0.0 <= float(made["born_dead"].value or 0.0) <= 1.0


def test_measured_is_found_by_name() -> None:
    assert isinstance(card("relu", **QUICK)["mean"], Measured)
    with pytest.raises(KeyError):
        card("relu", **QUICK)["mode"]
