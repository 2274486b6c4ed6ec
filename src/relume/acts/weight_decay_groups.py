"""Splits parameters into those with and those without weight decay."""

from typing import Any

from torch import nn

from relume.acts.recognise import act_of

_NORMS = (
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
    nn.modules.batchnorm._NormBase,
)


def parameter_groups(
    model: nn.Module, weight_decay: float, *, biases_and_norms: bool = False
) -> list[dict[str, Any]]:
    """Return the model's parameters in two groups for an optimiser: with weight decay and without.

    Weight decay pulls a learned slope to 0: PReLU becomes ReLU, a Swish a straight line. He et
    al. (2015) therefore train PReLU without it.

    Args:
        model: torch's own learnable acts are known as relume's are.
        weight_decay: of the first group; the second has 0.
        biases_and_norms: also leave out biases and the parameters of norm layers.

    Returns:
        ``[{"params": .., "weight_decay": weight_decay}, {"params": .., "weight_decay": 0.0}]``,
        each parameter once, in the model's order; a group without parameters is left out.

    Example:
        >>> from torch import nn
        >>> from relume.acts import parameter_groups
        >>> model = nn.Sequential(nn.Linear(4, 4), nn.PReLU(), nn.Linear(4, 1))
        >>> [len(group["params"]) for group in parameter_groups(model, 0.01)]
        [4, 1]
    """
    left: set[int] = set()
    for module in model.modules():
        act = act_of(module)
        words: tuple[str, ...] = act.learnable if act else ()
        if biases_and_norms:
            words += ("bias",)
            if isinstance(module, _NORMS):
                words += ("weight",)
        own = dict(module.named_parameters(recurse=False))
        left.update(id(own[word]) for word in words if word in own)
    decayed = [each for each in model.parameters() if id(each) not in left]
    spared = [each for each in model.parameters() if id(each) in left]
    groups = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": spared, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]
