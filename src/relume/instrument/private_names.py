"""Names every private name of torch that the package uses, and tests that this torch has it.

A private name may change in any version of torch. Each is looked up once, when this file is
imported. One that is gone gets its substitute where a substitute is safe, else a function that
raises an error with its name when it is called: the recorder reports that as a problem, and the
training goes on. `missing` lists what is gone, and what no longer works without it.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import torch
from torch.autograd import forward_ad
from torch.nn.modules import module as module_file

from relume.errors import RelumeError


@dataclass(frozen=True, slots=True)
class PrivateName:
    """A private name of torch.

    Attributes:
        path: the name with its module.
        without: what no longer works in a torch without it.
        present: whether this torch has it.
    """

    path: str
    without: str
    present: bool


LOOKED_UP: list[PrivateName] = []
"""The names of functions and tables, in the order of this file."""

_GONE: Any = object()


def look_up(path: str, without: str, substitute: Any = _GONE) -> Any:
    """Return what torch has under this name, or the substitute.

    Args:
        path: begins with the module in which torch defines it.
        without: what no longer works without it.
        substitute: takes its place; if there is none, a function that raises `RelumeError`.
    """
    value = _find(path)
    LOOKED_UP.append(PrivateName(path, without, value is not _GONE))
    if value is not _GONE:
        return value
    return _raiser(path, without) if substitute is _GONE else substitute


def missing() -> list[PrivateName]:
    """Return the names that this torch does not have."""
    return [name for name in LOOKED_UP if not name.present]


def _find(path: str) -> Any:
    parts = path.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            value: Any = import_module(".".join(parts[:cut]))
        except ImportError:  # a class, or a module that C++ made
            continue
        for part in parts[cut:]:
            value = getattr(value, part, _GONE)
        return value
    return _GONE


def _raiser(path: str, without: str) -> Callable[..., Any]:
    def gone(*_args: Any, **_keywords: Any) -> Any:
        raise RelumeError(f"torch {torch.__version__} has no {path}; without it: {without}.")

    return gone


# ------------------------------------------------------------------ autograd

current_graph_task: Any = look_up(
    "torch._C._current_graph_task_id",
    "a checkpointed part is recorded and edited in its recomputation as well",
    lambda: -1,
)
current_autograd_node: Any = look_up(
    "torch._C._current_autograd_node", "parts under a reentrant checkpoint are not recorded"
)
sequence_number: Any = look_up(
    "torch.autograd._get_sequence_nr", "acts have no module, and nothing is recorded"
)
top_saved_tensors_hooks: Any = look_up(
    "torch._C._autograd._top_saved_tensors_default_hooks",
    "reading a checkpointed part would compute it again, so nothing is recorded",
)
look_up(
    "torch.autograd.forward_ad._current_level",
    "acts use torch's kernels only",
    0,
)
is_functorch_wrapped: Callable[[torch.Tensor], bool] = look_up(
    "torch._C._functorch.is_functorch_wrapped_tensor",
    "every tensor counts as wrapped: acts use torch's kernels, and no act is captured",
    lambda _tensor: True,  # pyright: ignore[reportUnknownLambdaType]
)


def in_backward() -> bool:
    """Whether a backward pass is running in this thread."""
    return current_graph_task() != -1


def in_forward_ad() -> bool:
    """Whether forward-mode differentiation is active."""
    return getattr(forward_ad, "_current_level", 0) >= 0


# ------------------------------------------------------------------ modes

_MODES = "the package's function modes cannot be removed from torch, so they are not entered"
function_stack_length: Any = look_up("torch._C._len_torch_function_stack", _MODES)
function_stack_at: Any = look_up("torch._C._get_function_stack_at", _MODES)
pop_function_stack: Any = look_up("torch._C._pop_torch_function_stack", _MODES)
push_function_stack: Any = look_up("torch._C._push_on_torch_function_stack", _MODES)
dispatch_stack_length: Any = look_up(
    "torch._C._len_torch_dispatch_stack", "a flop counter of the user's counts the recorder too"
)
DisableTorchFunction: Any = look_up(
    "torch._C.DisableTorchFunction", "the package's own computation runs in the user's modes"
)
profiler_enabled: Callable[[], bool] = look_up(
    "torch._C._autograd._profiler_enabled", "a profiler of the user's sees the recorder", bool
)
record_function: Callable[[bool], None] = look_up(
    "torch._C._autograd._enable_record_function", "a profiler of the user's sees the recorder", bool
)
disable_current_modes: Any = look_up(
    "torch.utils._python_dispatch._disable_current_modes",
    "a flop counter of the user's counts the recorder too",
)


# ------------------------------------------------------------------ hooks, kernels, files

optimizer_post_hooks: Any = look_up(
    "torch.optim.optimizer._global_optimizer_post_hooks",
    "hooks after a step may read an edited learning rate as the old one",
    None,
)
for _kind in ("forward_pre_hooks", "forward_hooks"):
    look_up(
        f"torch.nn.modules.module._global_{_kind}", "an edit's trace of a forward is recorded", {}
    )
tree_map: Any = look_up("torch.utils._pytree.tree_map", "the inputs of a forward are not copied")
foreach_norm: Any = look_up("torch._foreach_norm", "norms of weights are not measured")
FILE_WRITER: tuple[Any, str] = torch._C, "PyTorchFileWriter"
FILE_READER: tuple[Any, str] = torch._C, "PyTorchFileReader"
"""What opens files in C++, as owner and name: the sandbox of a trial replaces both."""
for _owner, _name in (FILE_WRITER, FILE_READER):
    look_up(f"torch._C.{_name}", "a trial cannot keep torch.save out of the user's folder")


def global_hook_tables() -> list[dict[Any, Any]]:
    """Return torch's tables of global module hooks."""
    return [
        table
        for name, table in vars(module_file).items()
        if name.startswith("_global_") and name.endswith("hooks") and isinstance(table, dict)
    ]


# ------------------------------------------------------------------ the compiler


def compiler_stance() -> Any:
    """Return the stance of torch's compiler; None if it is not loaded.

    Loading it takes seconds, so its name is looked up only once the program has loaded it.
    """
    compiler = sys.modules.get("torch._dynamo.eval_frame")
    return None if compiler is None else getattr(compiler, "_stance", None)


# ------------------------------------------------------------------ read from objects

_OWN_HOOKS = "an error in a module with hooks of its own has a frame of torch's less"

ATTRIBUTES: Mapping[str, str] = {
    "Module._modules": "parts are not added, replaced or found",
    "Module._parameters": "a layer's own weights are not told from those of its parts",
    "Module._buffers": "buffers are not restored after a check or a trace",
    "Module._forward_hooks": "the second piece of a maxout runs the layer's hooks twice",
    "Module._forward_pre_hooks": _OWN_HOOKS,
    "Module._backward_hooks": _OWN_HOOKS,
    "Module._backward_pre_hooks": _OWN_HOOKS,
    "Module._call_impl": "an error in a forward has a frame of torch's more in its traceback",
    "Tensor._base": "a layer that uses a view of its weight is not found",
    "Node._sequence_nr": "nodes are in no order and have no module: nothing is recorded",
    "Node._input_metadata": "the shape of the head's output is not known",
    "BackwardCFunction._forward_cls": "torch's own autograd functions count as the user's",
    "GradScaler._scale": "losses and gradients are recorded with their scale",
    "OptimizedModule._orig_mod": "the parts of a compiled model have a prefix in their names",
}
"""What is read from torch's objects, by class and attribute, and what fails without it."""

SAVED: Mapping[str, str] = {
    "act parameters": "alpha approximate beta input_scale lambd lower max max_val min min_val "
    "negative_slope scale threshold upper",
    "act inputs and outputs": "condition other result self",
    "attention": "attn_bias attn_mask batch1 batch2 is_causal key query",
    "affine layers": "dilation groups input mat1 mat2 padding stride transposed weight",
    "norm layers": "normalized_shape result1 result2 training",
    "recurrent layers": "batch_sizes reverse weight0 weight1 weight2 weight3",
    "reshapes": "dims",
    "criteria": "dim exponent ignore_index index indices mask pos_weight reduction "
    "self_sym_numel self_sym_sizes target x1",
    "dropout": "p",
    "decompositions": "S eigenvalues",
}
"""What is read from autograd nodes as `_saved_NAME`. torch makes these names from its list of
derivatives (`derivatives.yaml`); where one is gone, that operation is not measured."""
