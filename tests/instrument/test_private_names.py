"""Every private name of torch stands in one file, and the installed torch has each of them."""

import ast
import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import relume
from relume.errors import RelumeError
from relume.instrument import private_names
from relume.instrument.private_names import ATTRIBUTES, LOOKED_UP, SAVED, look_up, missing

SOURCE = Path(relume.__file__).parent
HOME = SOURCE / "instrument" / "private_names.py"


def node(loss: Tensor, name: str) -> Any:
    """The first node of this name that the loss depends on."""
    waiting: list[Any] = [loss.grad_fn]
    while waiting:
        current = waiting.pop(0)
        if current.name().startswith(name):
            return current
        waiting += [below for below, _ in current.next_functions if below is not None]
    raise AssertionError(f"{loss.grad_fn} has no {name}")


def x(*shape: int) -> Tensor:
    return torch.ones(shape or (2, 2), requires_grad=True)


class Own(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        return z.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return gradient


def compiled() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the import of the compiler may warn
        return torch.compile(nn.Linear(1, 1), backend="eager")  # type: ignore[return-value]


# An object of torch's for each attribute.
EXAMPLES: Mapping[str, Callable[[], Any]] = {
    "Module": nn.Module,
    "Tensor": lambda: x()[0],
    "Node": lambda: node(F.gelu(x()), "GeluBackward"),
    "BackwardCFunction": lambda: type(node(Own.apply(x()), "OwnBackward")),
    "GradScaler": lambda: torch.amp.GradScaler("cpu"),
    "OptimizedModule": compiled,
}


def attention(device: str = "cpu") -> Tensor:
    q = torch.ones(1, 1, 8, 8, device=device, requires_grad=True)
    if device == "cpu":
        return F.scaled_dot_product_attention(q, q, q)
    return torch.ops.aten._scaled_dot_product_efficient_attention(q, q, q, None, True)[0]


# An expression whose graph saves each value, and the node that has it.
SAVING: Mapping[str, tuple[Callable[[], Tensor], str]] = {
    **dict.fromkeys(
        ("batch_sizes", "reverse", "weight0", "weight1", "weight2", "weight3"),
        (lambda: nn.LSTM(2, 2)(x(3, 1, 2))[0], "MkldnnRnnLayer"),
    ),
    **dict.fromkeys(("attn_mask", "is_causal", "key", "query"), (attention, "ScaledDotProduct")),
    "attn_bias": (lambda: attention("meta"), "ScaledDotProduct"),
    **dict.fromkeys(
        ("batch1", "batch2"),
        (lambda: torch.baddbmm(x(1, 2, 2), x(1, 2, 2), x(1, 2, 2)), "Baddbmm"),
    ),
    "alpha": (lambda: F.elu(x()), "Elu"),
    "approximate": (lambda: F.gelu(x()), "Gelu"),
    "beta": (lambda: F.softplus(x()), "Softplus"),
    "condition": (lambda: torch.where(x() > 0, x(), 0), "Where"),
    "dilation": (lambda: F.conv1d(x(1, 1, 2), x(1, 1, 1)), "Convolution"),
    "dim": (lambda: F.softmax(x(), 1), "Softmax"),
    "dims": (lambda: x().permute(1, 0), "Permute"),
    "eigenvalues": (lambda: torch.linalg.eigh(x())[0], "LinalgEigh"),
    "S": (lambda: torch.linalg.svd(x())[1], "LinalgSvd"),
    "exponent": (lambda: x() ** 2, "Pow"),
    "groups": (lambda: F.conv1d(x(1, 1, 2), x(1, 1, 1)), "Convolution"),
    "ignore_index": (lambda: F.nll_loss(x(), torch.zeros(2, dtype=torch.long)), "NllLoss"),
    "index": (lambda: x().gather(1, torch.zeros(2, 1, dtype=torch.long)), "Gather"),
    "indices": (lambda: x()[torch.tensor([0])], "Index"),
    "input": (lambda: F.conv1d(x(1, 1, 2), x(1, 1, 1)), "Convolution"),
    "input_scale": (lambda: F.selu(x()), "Elu"),
    "lambd": (lambda: F.hardshrink(x()), "Hardshrink"),
    "lower": (lambda: F.rrelu(x(), training=True), "Rrelu"),
    "mask": (lambda: x().masked_fill(x() > 0, 0), "MaskedFill"),
    "mat1": (lambda: F.linear(x(), x(), x(2)), "Addmm"),
    "mat2": (lambda: x() @ x(), "Mm"),
    "max": (lambda: x().clamp(0, 1), "Clamp"),
    "max_val": (lambda: F.hardtanh(x()), "Hardtanh"),
    "min": (lambda: x().clamp(0, 1), "Clamp"),
    "min_val": (lambda: F.hardtanh(x()), "Hardtanh"),
    "negative_slope": (lambda: F.leaky_relu(x()), "LeakyRelu"),
    "normalized_shape": (lambda: F.layer_norm(x(), (2,)), "NativeLayerNorm"),
    "other": (lambda: x() * x(), "Mul"),
    "p": (lambda: torch.native_dropout(x(), 0.5, True)[0], "NativeDropout"),
    "padding": (lambda: F.conv1d(x(1, 1, 2), x(1, 1, 1)), "Convolution"),
    "pos_weight": (
        lambda: F.binary_cross_entropy_with_logits(x(), x().detach(), pos_weight=x().detach()),
        "BinaryCrossEntropyWithLogits",
    ),
    "reduction": (lambda: F.mse_loss(x(), x()), "MseLoss"),
    "result": (lambda: x().relu(), "Relu"),
    "result1": (lambda: F.layer_norm(x(), (2,)), "NativeLayerNorm"),
    "result2": (lambda: F.layer_norm(x(), (2,)), "NativeLayerNorm"),
    "scale": (lambda: F.selu(x()), "Elu"),
    "self": (lambda: F.gelu(x()), "Gelu"),
    "self_sym_numel": (lambda: x().mean(), "Mean"),
    "self_sym_sizes": (lambda: x().sum(), "Sum"),
    "stride": (lambda: F.conv1d(x(1, 1, 2), x(1, 1, 1)), "Convolution"),
    "target": (lambda: F.mse_loss(x(), x()), "MseLoss"),
    "threshold": (lambda: F.softplus(x()), "Softplus"),
    "training": (lambda: F.batch_norm(x(), None, None, training=True), "NativeBatchNorm"),
    "transposed": (lambda: F.conv1d(x(1, 1, 2), x(1, 1, 1)), "Convolution"),
    "upper": (lambda: F.rrelu(x(), training=True), "Rrelu"),
    "weight": (lambda: F.conv1d(x(1, 1, 2), x(1, 1, 1)), "Convolution"),
    "x1": (lambda: torch.cdist(x(), x()), "Cdist"),
}
FIELDS = {name for names in SAVED.values() for name in names.split()}


def test_this_torch_has_every_name() -> None:
    gone = [f"{name.path}: {name.without}" for name in missing()]
    assert gone == [], f"torch {torch.__version__} has no\n" + "\n".join(gone)


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_this_torch_has_every_attribute(name: str) -> None:
    kind, attribute = name.split(".")
    said = f"torch {torch.__version__} has no {name}: {ATTRIBUTES[name]}"
    assert hasattr(EXAMPLES[kind](), attribute), said


@pytest.mark.parametrize("field", sorted(FIELDS))
def test_this_torch_saves_every_value(field: str) -> None:
    make, name = SAVING[field]
    assert hasattr(node(make(), name), f"_saved_{field}"), f"torch {torch.__version__}"


def test_a_name_that_is_gone_is_reported_and_raises_only_when_it_is_called() -> None:
    """The broken twin of torch: one name less."""
    known = len(LOOKED_UP)
    try:
        function = look_up("torch._C._no_such_function", "nothing is measured")
        assert look_up("torch._C._none_of_this", "a stat is left out", 7) == 7
        assert look_up("torch.no_such_module._name", "all", 8) == 8
        assert [name.path for name in missing()] == [
            "torch._C._no_such_function",
            "torch._C._none_of_this",
            "torch.no_such_module._name",
        ]
        with pytest.raises(RelumeError, match=r"no torch._C._no_such_function; without it: noth"):
            function(1, a=2)
    finally:
        del LOOKED_UP[known:]


# ------------------------------------------------------------------ nowhere else


def private_attributes() -> set[str]:
    """What torch's objects have that is private, by torch's own account."""
    kinds = [example() for example in EXAMPLES.values()]
    kinds += [node(make(), name) for make, name in SAVING.values()]
    names = {name for kind in kinds for name in dir(kind)}
    return {name for name in names if name.startswith("_") and not name.startswith("__")}


def breaches(source: str, private: set[str]) -> list[str]:
    """The private names of torch in a source that `private_names` does not list."""
    listed = {name.split(".")[1] for name in ATTRIBUTES} | {f"_saved_{name}" for name in FIELDS}
    found: list[str] = []
    tree = ast.parse(source)
    slots = (each for each in ast.walk(tree) if isinstance(each, ast.Assign))
    slots = [each for each in slots if ast.unparse(each.targets[0]) == "__slots__"]
    skipped = {id(part) for each in slots for part in ast.walk(each)}
    for each in ast.walk(tree):
        if id(each) in skipped:
            continue
        if isinstance(each, ast.ImportFrom) and (each.module or "").startswith("torch"):
            paths = [f"{each.module}.{alias.name}" for alias in each.names]
            found += [path for path in paths if "._" in path]
        elif isinstance(each, ast.Attribute):
            path, name = ast.unparse(each), each.attr
            in_torch = path.startswith("torch.") and name.startswith("_") and "__" not in name
            own = path.startswith(("self._", "cls._"))
            if in_torch or (name in private - listed and not own):
                found.append(path)
        elif isinstance(each, ast.Constant) and isinstance(each.value, str):
            saved = re.fullmatch(r"_saved_\w+", each.value)
            if (saved or each.value in private) and each.value not in listed:
                found.append(each.value)
    return found


def test_no_private_name_is_used_elsewhere() -> None:
    private = private_attributes()
    found = {
        str(path.relative_to(SOURCE)): names
        for path in sorted(SOURCE.rglob("*.py"))
        if path != HOME and (names := breaches(path.read_text("utf-8"), private))
    }
    assert found == {}


def test_the_list_has_nothing_that_is_not_used() -> None:
    text = "\n".join(p.read_text("utf-8") for p in SOURCE.rglob("*.py") if p != HOME)
    for name in ATTRIBUTES:
        attribute = name.split(".")[1]
        assert attribute in text, name
    for field in FIELDS:
        assert f"_saved_{field}" in text or f'"{field}"' in text, field


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("torch._C._current_graph_task_id()", 2),
        ("from torch.utils._pytree import tree_map", 1),
        ("from torch.optim.optimizer import _global_optimizer_pre_hooks", 1),
        ("torch._foreach_add(a, b)", 1),
        ("tensor._version", 1),
        ("getattr(module, '_state_dict_hooks')", 1),
        ("node._saved_nothing", 0),  # no node has it
        ("saved(node, '_saved_nothing')", 1),
        ("module._modules, node._saved_self, self._version, torch.__version__", 0),
    ],
)
def test_a_broken_twin_is_found(source: str, found: int) -> None:
    assert len(breaches(source, private_attributes())) == found


def test_every_name_says_what_fails_without_it() -> None:
    assert all(name.without for name in LOOKED_UP)
    assert all(ATTRIBUTES.values())
    assert set(SAVING) == FIELDS
    assert {name.split(".")[0] for name in ATTRIBUTES} == set(EXAMPLES)
    assert private_names.in_backward() is False
