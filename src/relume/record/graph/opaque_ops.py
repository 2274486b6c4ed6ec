"""Lists the operations that hide their acts, with reason and remedy (page of ACT001)."""

from typing import Any

import torch

# Operations that run acts inside, by node name: (reason, remedy).
OPAQUE: dict[str, tuple[str, str]] = {
    "MkldnnRnnLayerBackward": (
        "an LSTM on CPU runs as one fused operation; its gates are not in the graph",
        "its weights, gradients and updates are measured; write the loop with nn.LSTMCell to see "
        "the gates",
    ),
    "CudnnRnnBackward": (
        "a cuDNN recurrent layer runs as one fused operation; its gates are not in the graph",
        "its weights, gradients and updates are measured; set torch.backends.cudnn.enabled = "
        "False for a diagnostic run to see the gates",
    ),
    "MiopenRnnBackward": (
        "a MIOpen recurrent layer runs as one fused operation; its gates are not in the graph",
        "its weights, gradients and updates are measured",
    ),
    "CompiledFunctionBackward": (
        "a compiled region runs as one operation; its acts are not in the graph",
        "run once without torch.compile to see them",
    ),
}

CUSTOM = (
    "a custom autograd function hides what it computes",
    "what enters and leaves its module is not measured; write it with torch functions to see it",
)
PACKED = (
    "its saved tensors are packed (checkpointing, offload), and no torch function that is an act "
    "was called in it",
    "run once without checkpointing to see its acts",
)
RELEASED = (
    "parameters are not in memory between forward and backward, so the inputs of acts that torch "
    "does not keep (ReLU, sigmoid, tanh) cannot be computed again; outputs, slopes and gradients "
    "are measured",
    "call fully_shard(..., reshard_after_forward=False) in one recorded run to see these inputs",
)
FUSED = (
    "in eval mode torch runs this layer as one fused operation, whose acts nothing can see",
    "call its train() for one recorded run to see its acts, or leave it: it is not trained",
)
NO_BACKWARD = (
    "gradients were computed without backward() (torch.func, torch.autograd.grad), so there was "
    "no graph to read",
    "call loss.backward() in one recorded run to see the acts",
)

# Modules whose autograd functions only move tensors, or are relume's own: they hide no act.
_PLUMBING = (
    "torch.nn.parallel",
    "torch.distributed",
    "torch.utils.checkpoint",
    "torch.nn.utils",
    "relume.acts",
)


def is_custom(node: Any) -> bool:
    """Whether a node is the user's Python autograd function, which may hide an act."""
    if not isinstance(node, torch.autograd.function.BackwardCFunction):
        return False
    made_by = getattr(type(node), "_forward_cls", type(node))
    return not str(made_by.__module__).startswith(_PLUMBING)
