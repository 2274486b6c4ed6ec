"""Looking acts up: names, aliases, brackets, globs; and the framework's names for them."""

import importlib
from typing import Any

import pytest
import torch
from torch import nn

from relume.acts.act import acts, find_act
from relume.acts.lookup import act, list_acts
from relume.errors import UnknownNameError, UsageError


@pytest.mark.parametrize(
    ("text", "name", "parameters"),
    [
        ("relu", "relu", {}),
        (" gelu ", "gelu", {"approximate": "none"}),
        ("leaky_relu(negative_slope=0.1)", "leaky_relu", {"negative_slope": 0.1}),
        ("leaky_relu(0.1)", "leaky_relu", {"negative_slope": 0.1}),
        ("hardtanh(-2, max_val=3)", "hardtanh", {"min_val": -2, "max_val": 3}),
        ("clamp(min=None, max=1.0)", "clamp", {"min": None, "max": 1.0}),
        ("gelu_tanh", "gelu", {"approximate": "tanh"}),
        ("linear", "identity", {}),
        ("lrelu(0.3)", "leaky_relu", {"negative_slope": 0.3}),
        ("hard_swish", "hardswish", {}),
        ("relu2", "squared_relu", {}),
        ("swish", "swish", {"beta": 1.0}),
        ("logsigmoid", "log_sigmoid", {}),
    ],
)
def test_what_people_write(text: str, name: str, parameters: dict[str, Any]) -> None:
    found = act(text)
    assert (found.name, dict(found.defaults)) == (name, parameters)


def test_a_bound_act_computes_with_its_parameters() -> None:
    z = torch.tensor([-2.0, 0.5])
    assert act("leaky_relu(negative_slope=0.5)")(z).tolist() == [-1.0, 0.5]
    assert act("gelu_tanh")(z).tolist() == nn.functional.gelu(z, approximate="tanh").tolist()
    assert act("elu(2.0)").module()(z).tolist() == nn.ELU(2.0)(z).tolist()
    assert str(act("elu(0.5)")) == "elu(alpha=0.5, scale=1.0, input_scale=1.0)"
    again = act("tanh")
    assert act(again) is again


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("leakyrelu6", UnknownNameError, "did you mean 'leakyrelu'"),
        ("mihs", UnknownNameError, "did you mean 'mish'"),
        ("xyzzy", UnknownNameError, "unknown act 'xyzzy'; the nearest of "),
        ("relu(3)", UsageError, "takes at most 0 parameters"),
        ("gelu(approx='tanh')", UsageError, "gelu has no parameter 'approx'; it has: approximate"),
        ("leaky_relu(negative_slope=)", UsageError, "is no act with parameters; write it as"),
        ("leaky_relu(open('f'))", UsageError, "is no act with parameters"),
    ],
)
def test_what_nobody_can_mean(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        act(text)
    assert message in str(caught.value)


def test_listing() -> None:
    assert list_acts() == sorted(acts())
    assert {"relu", "gelu", "prelu", "xielu"} <= set(list_acts("*lu"))
    assert list_acts("hard*") == ["hardshrink", "hardsigmoid", "hardswish", "hardtanh"]
    assert list_acts("*no such*") == []


def test_aliases_are_of_one_act_and_hide_none() -> None:
    seen: dict[str, str] = {}
    for known in acts().values():
        for alias in known.aliases:
            name = alias.split("(")[0]
            assert name not in acts(), f"{known.name} hides the act {name}"
            assert seen.setdefault(name, known.name) == known.name
            assert act(alias).name == known.name


@pytest.mark.parametrize("name", list(acts()))
def test_a_record_is_complete(name: str) -> None:
    known = find_act(name)
    assert known.formula
    assert known.reference
    assert known.__doc__
    assert 1950 < known.year < 2027
    families = ("piecewise", "smooth", "learnable", "output", "gated", "maxout")
    assert known.family in (*families, "sparse", "surrogate")
    assert set(known.learnable) <= set(known.defaults)


MATCHES = [
    (known.name, match)
    for known in acts().values()
    for match in known.matches
    if match.startswith("torch.") and known.elementwise
]


@pytest.mark.parametrize(("name", "match"), MATCHES)
def test_a_match_is_importable_and_is_the_act(name: str, match: str) -> None:
    call = _import(match)
    known = find_act(name)
    z = torch.linspace(-4, 4, 101)
    given = _arguments(match, dict(known.defaults))
    if isinstance(call, type):
        module = call(*([] if name in ("prelu", "identity") else given)).eval()
        found = module(z.clone())
    else:
        found = call(z.clone(), *given)
    assert torch.equal(found, known(z))


def _arguments(match: str, defaults: dict[str, Any]) -> list[Any]:
    """The act's defaults as torch's function wants them by position."""
    if "elu" in match.split(".")[-1].lower() and set(defaults) >= {"scale"}:
        return [defaults["alpha"]]  # torch's elu offers alpha alone
    given = list(defaults.values())
    if match.endswith(("gelu", "GELU")):
        return []
    if "prelu" in match or "maximum" in match:
        return [torch.as_tensor([*given]) if "prelu" in match else torch.tensor(given[0])]
    return given


def _import(path: str) -> Any:
    module, _, name = path.rpartition(".")
    if module == "torch.Tensor":
        return getattr(torch.Tensor, name)
    return getattr(importlib.import_module(module), name)


def test_the_matches_say_which_parameters_they_stand_for() -> None:
    import ast

    for known in acts().values():
        for match in known.matches:
            path, _, bound = match.partition("(")
            assert all(part.isidentifier() for part in path.split("."))
            if bound:
                tree = ast.parse(f"f({bound}", mode="eval").body
                assert isinstance(tree, ast.Call)
                assert {word.arg for word in tree.keywords} <= set(known.defaults)
