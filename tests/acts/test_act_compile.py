"""Acts under torch.compile: one graph, and the same numbers as eager."""

import shutil
import warnings
from collections.abc import Iterator

import pytest
import torch

from relume.acts.act import acts, find_act

ELEMENTWISE = [name for name, act in acts().items() if act.elementwise]
OVER_AN_AXIS = ["softmax", "log_softmax"]
POINTS = [-torch.inf, -90.0, -5.5, -3.0, -0.75, -1e-4, 0.0, 1e-3, 0.5, 3.0, 7.0, 60.0, torch.inf]
needs_compiler = pytest.mark.skipif(
    not any(shutil.which(name) for name in ("c++", "g++", "clang++")),
    reason="NOT CHECKED: inductor needs a C++ compiler and this machine has none",
)
no_space = pytest.mark.skipif(
    " " in torch.__file__,
    reason="NOT CHECKED: inductor names torch's folder to the compiler without quotes; this one "
    "has a space (.ci/run checks it through a link)",
)


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's compiler warns about its own imports
        torch.compiler.reset()
        yield
        torch.compiler.reset()


def outcome(name: str, backend: str | None, *, exact: bool) -> list[torch.Tensor]:
    """Value, gradient of z and of the learned parameters; None is eager."""
    act = find_act(name)
    module = act.module(exact=exact).eval()
    call = torch.compile(module, backend=backend, fullgraph=True) if backend else module
    z = torch.tensor(POINTS[1:-1] if act.learnable else POINTS, requires_grad=True)
    out = call(z.reshape(-1, 1) if act.learnable else z * 1)
    wanted = [z, *module.parameters()]
    grads = torch.autograd.grad((out.clamp(-1e30, 1e30) * 0.7).sum(), wanted)
    return [out.detach(), *grads]


def same(name: str, backend: str, *, exact: bool) -> bool:
    pairs = zip(outcome(name, backend, exact=exact), outcome(name, None, exact=exact), strict=True)
    return all(
        torch.allclose(one, two, rtol=1e-6 if exact else 2e-5, atol=1e-37, equal_nan=True)
        for one, two in pairs
    )


@pytest.mark.parametrize("name", [*ELEMENTWISE, *OVER_AN_AXIS])
def test_each_act_is_one_graph(name: str) -> None:
    assert same(name, "aot_eager", exact=True)


@pytest.mark.parametrize("name", ["relu", "prelu", "swish", "gelu"])
def test_the_fast_path_is_one_graph_too(name: str) -> None:
    assert same(name, "aot_eager", exact=False)


@needs_compiler
@no_space
def test_a_few_acts_in_one_compiled_function() -> None:
    chosen = [find_act(name) for name in ("gelu", "mish", "elu", "sigmoid")]

    def several(z: torch.Tensor) -> torch.Tensor:
        return torch.stack([act(z, exact=True) for act in chosen])

    results = []
    for call in (several, torch.compile(several, fullgraph=True)):
        z = torch.tensor(POINTS, requires_grad=True)
        out = call(z)
        (gradient,) = torch.autograd.grad(out.clamp(-1e30, 1e30).sum(), z)
        results.append((out.detach(), gradient))
    for one, two in zip(*results, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-6, atol=1e-37)


@pytest.mark.slow
@needs_compiler
@no_space
@pytest.mark.parametrize("name", [*ELEMENTWISE, *OVER_AN_AXIS])
def test_each_act_under_inductor(name: str) -> None:
    assert same(name, "inductor", exact=True)


def test_the_check_sees_another_act() -> None:
    one, two = (outcome(name, None, exact=True)[0] for name in ("gelu", "quick_gelu"))
    assert not torch.allclose(one, two, rtol=1e-6, atol=1e-37)
