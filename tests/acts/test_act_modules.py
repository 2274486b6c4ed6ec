"""Act modules against torch's: names, signatures, state, and the native path bit for bit."""

import copy
import inspect
import io
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import relume.acts as room
from relume.acts.act import Act, _registered, acts, by_node, find_act, register
from relume.acts.module import ActModule
from relume.acts.module_registry import module_of

# torch's module for each of ours of the same name, at parameters that are not the defaults
PAIRS: dict[str, tuple[Any, ...]] = {
    "Sigmoid": (),
    "Tanh": (),
    "ReLU": (),
    "LeakyReLU": (0.3,),
    "PReLU": (3, 0.1),
    "RReLU": (0.2, 0.4),
    "ELU": (0.7,),
    "SELU": (),
    "CELU": (0.7,),
    "GELU": ("tanh",),
    "SiLU": (),
    "Mish": (),
    "Softplus": (2.0, 5.0),
    "Softsign": (),
    "Hardswish": (),
    "Hardsigmoid": (),
    "Hardtanh": (-2.0, 0.5),
    "ReLU6": (),
    "LogSigmoid": (),
    "Softmax": (1,),
    "LogSoftmax": (1,),
    "Identity": (),
    "Threshold": (0.1, 20.0),
    "Tanhshrink": (),
    "Hardshrink": (0.3,),
    "Softshrink": (0.3,),
}
INPLACE = [name for name in PAIRS if "inplace" in inspect.signature(getattr(nn, name)).parameters]
ELEMENTWISE = [name for name, act in acts().items() if act.elementwise]


def both(name: str, *args: Any, **words: Any) -> tuple[nn.Module, nn.Module]:
    """Ours and torch's."""
    return getattr(room, name)(*args, **words), getattr(nn, name)(*args, **words)


def sample(*, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(4, 3, 50, generator=torch.Generator().manual_seed(0)).mul(3).to(dtype)


def gradients(module: nn.Module, z: torch.Tensor) -> list[torch.Tensor]:
    """Output, gradient into z, gradients of the parameters."""
    z = z.clone().requires_grad_()
    out = module(z * 1)
    wanted = [z, *module.parameters()]
    return [out.detach(), *torch.autograd.grad((out * out.detach().cos()).sum(), wanted)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", PAIRS)
def test_the_native_path_is_torch_bit_for_bit(name: str, dtype: torch.dtype) -> None:
    ours, theirs = both(name, *PAIRS[name])
    ours, theirs = ours.eval().to(dtype), theirs.eval().to(dtype)
    z = sample(dtype=dtype)
    for one, two in zip(gradients(ours, z), gradients(theirs, z), strict=True):
        assert torch.equal(one, two)


@pytest.mark.parametrize("name", INPLACE)
def test_in_place_is_torch_bit_for_bit(name: str) -> None:
    for words in ({"inplace": True}, {}):
        args = PAIRS[name] if words else (*PAIRS[name], True)  # also by position, as in torch
        ours, theirs = both(name, *args, **words)
        z = sample()
        mine, other = z.clone(), z.clone()
        assert ours.eval()(mine) is mine
        theirs.eval()(other)
        assert torch.equal(mine, other)
        assert torch.equal(gradients(ours, z)[1], gradients(theirs, z)[1])


@pytest.mark.parametrize("name", PAIRS)
def test_parameter_names_and_order_are_torchs(name: str) -> None:
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    theirs = [
        word
        for word in inspect.signature(getattr(nn, name)).parameters.values()
        if word.kind not in kinds and word.name not in ("min_value", "max_value")  # deprecated
    ]
    ours = list(inspect.signature(getattr(room, name)).parameters.values())
    assert [w.name for w in ours][: len(theirs)] == [w.name for w in theirs]
    for mine, other in zip(ours, theirs, strict=False):
        given = other.default not in (None, inspect.Parameter.empty)
        assert mine.default == (other.default if given else mine.default)
    assert all(word.kind is word.KEYWORD_ONLY for word in ours[len(theirs) :])


def test_help_shows_the_parameters() -> None:
    assert str(inspect.signature(room.LeakyReLU)) == (
        "(negative_slope: float = 0.01, inplace: bool = False, *, exact: bool = False)"
    )
    assert "num_parameters" in inspect.signature(room.Swish).parameters


def test_help_says_what_the_record_knows() -> None:
    page = inspect.getdoc(room.Swish)
    assert page is not None
    assert page.startswith("`swish` with a learned beta.\n\nf(z) = z * sigmoid(beta * z)")
    assert "beta: 1.0 by default, learned: the value to start from." in page
    assert "Reference: Ramachandran, Zoph & Le, 2017" in page
    assert "Kink: slope 0 at 0." in (inspect.getdoc(room.ReLU) or "")


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_shapes_layouts_and_transforms(name: str, exact: bool) -> None:
    act = find_act(name)
    for shape in ((), (0,), (2, 0, 3), (1,)):
        assert act(torch.zeros(shape), exact=exact).shape == shape
    z = torch.randn(6, 4).t()
    torch.testing.assert_close(act(z, exact=exact), act(z.contiguous(), exact=exact))
    kept = z.clone()
    act(z, exact=exact)
    assert torch.equal(z, kept)
    if name == "rrelu" and not exact:
        return  # torch's own rrelu knows no vmap
    mapped = torch.func.vmap(lambda row: act(row, exact=exact))(z)
    torch.testing.assert_close(mapped, act(z, exact=exact))
    with torch.no_grad():
        assert not act(z, exact=exact).requires_grad


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_slopes_of_each_sample(name: str) -> None:
    act = find_act(name)
    z = torch.randn(5, dtype=torch.float64)
    slopes = torch.func.vmap(torch.func.grad(lambda one: act(one, exact=True)))(z)
    torch.testing.assert_close(slopes, act.exact_slope(z))


def test_a_subclass_has_its_own_signature() -> None:
    class Steeper(room.LeakyReLU):
        def __init__(self, steepness: int) -> None:
            super().__init__(0.1 * steepness)

    assert list(inspect.signature(Steeper).parameters) == ["steepness"]
    assert Steeper(3).negative_slope == pytest.approx(0.3)


@pytest.mark.parametrize("name", PAIRS)
def test_state_dicts_are_torchs(name: str) -> None:
    ours, theirs = both(name, *PAIRS[name])
    assert {k: v.shape for k, v in ours.state_dict().items()} == {
        k: v.shape for k, v in theirs.state_dict().items()
    }
    for weight in theirs.parameters():
        nn.init.normal_(weight)
    ours.load_state_dict(theirs.state_dict())
    assert torch.equal(ours.eval()(sample()), theirs.eval()(sample()))


def test_prelu_has_torchs_constructor() -> None:
    ours = room.PReLU(num_parameters=3, init=0.1, dtype=torch.float64)
    assert (ours.num_parameters, ours.init, ours.weight.dtype) == (3, 0.1, torch.float64)
    assert ours.weight.tolist() == [0.1, 0.1, 0.1]
    assert isinstance(ours.weight, nn.Parameter)
    made = find_act("prelu").bind(weight=0.4).module(num_parameters=2)
    assert isinstance(made, room.PReLU)
    assert made.weight.tolist() == pytest.approx([0.4, 0.4])


def test_rrelu_draws_in_training_and_is_its_mean_otherwise() -> None:
    ours, theirs = both("RReLU", 0.1, 0.9)
    z = sample()
    drawn = []
    for module in (ours, theirs):
        torch.manual_seed(3)
        drawn.append(module.train()(z))
    assert torch.equal(*drawn)
    assert not torch.equal(ours(z), ours(z))
    assert torch.equal(ours.eval()(z), F.leaky_relu(z, 0.5))
    ours.exact = True
    torch.testing.assert_close(ours(z), F.leaky_relu(z, 0.5))


@pytest.mark.parametrize("name", list(acts()))
def test_every_act_has_a_module_that_copies_and_moves(name: str) -> None:
    act = find_act(name)
    module = act.module().eval()
    assert type(module).__name__ in dir(room)
    assert type(module).__doc__
    z = torch.randn(4, 6)
    expected = module(z)
    assert torch.equal(copy.deepcopy(module)(z), expected)
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    again = torch.load(file, weights_only=False)
    assert torch.equal(again(z), expected)
    assert type(again) is type(module)
    assert module.to(torch.float64)(z.double()).dtype is torch.float64


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_a_module_computes_its_act(name: str) -> None:
    act = find_act(name)
    z = sample()
    torch.testing.assert_close(act.module().eval()(z), act(z))
    exact = act.module(exact=True).eval()
    held = {name: getattr(exact, name).item() for name in act.learnable}  # as float32
    assert torch.equal(exact(z), act(z, exact=True, **held))
    assert "exact=True" in repr(exact)
    # both evaluate the same function; the native path to float32 rounding
    # (of a wave's phase, up to 300 for a sine and 3,000 for a FINER, in units of 6e-8)
    phase = {"sine": 3e-5, "finer": 5e-4}.get(name, 1e-6)
    torch.testing.assert_close(exact(z), act(z), rtol=1e-5, atol=phase)


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (lambda: room.LeakyReLU(0.2), "LeakyReLU(negative_slope=0.2)"),
        (lambda: room.ReLU(inplace=True), "ReLU(inplace=True)"),
        (lambda: room.PReLU(4), "PReLU(num_parameters=4)"),
        (lambda: room.GELU(approximate="tanh", exact=True), "GELU(approximate='tanh', exact=True)"),
        (room.StarReLU, "StarReLU(num_parameters=1)"),
    ],
)
def test_repr(module: Any, text: str) -> None:
    assert repr(module()) == text


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: room.GELU(slope=1), "gelu has no parameter 'slope'; it has: approximate"),
        (lambda: room.Tanh(0.5), "Tanh takes at most 0 arguments by position"),
        (lambda: room.GELU(inplace=True), "GELU has no in-place form"),
        (lambda: room.ReLU(inplace=True, exact=True), "ReLU has no in-place form when exact"),
        (lambda: room.ELU(1.0, alpha=2.0), "ELU got 'alpha' twice"),
    ],
)
def test_wrong_arguments(make: Any, error: str) -> None:
    with pytest.raises(TypeError, match=error):
        make()


def test_modules_are_found_by_their_act() -> None:
    for act in acts().values():
        kind = module_of(act)
        assert issubclass(kind, ActModule)
        assert kind.act is act
        assert module_of(act.bind(**act.defaults)) is kind


def test_the_module_of_an_own_act_is_made_once() -> None:
    @register(formula="z + shift")
    def act_of_test_modules(z: Tensor, shift: float = 1.0) -> Tensor:
        return z + shift

    try:
        kind = module_of(act_of_test_modules)
        assert kind.__name__ == "ActOfTestModules"
        assert module_of(act_of_test_modules.bind(shift=2.0)) is kind
        assert torch.equal(
            act_of_test_modules.module(shift=3.0)(torch.zeros(2)), torch.full((2,), 3.0)
        )
    finally:
        del _registered["act_of_test_modules"]
        by_node.cache_clear()


def test_a_pickled_act_keeps_parameters_that_are_tensors() -> None:
    slope = torch.tensor([1 / 3, 0.25])
    act = find_act("prelu").bind(weight=slope)
    twin = pickle.loads(pickle.dumps(act))
    assert twin.name == "prelu"
    assert torch.equal(twin.defaults["weight"], slope)  # to the last bit: its text has four digits
    z = torch.tensor([[-3.0, -2.0]])
    assert torch.equal(twin(z), act(z))
    assert pickle.loads(pickle.dumps(find_act("relu"))) is find_act("relu")


def test_every_act_and_module_is_a_public_name_of_the_room() -> None:
    for act in acts().values():
        assert getattr(room, act.name) is act
        assert isinstance(act, Act)
    assert not hasattr(room, "no_such_act")
