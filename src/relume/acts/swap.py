"""Changes a model's act modules in place, and reports what changed and what did not."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn

from relume.acts.act import Act
from relume.acts.feeding_layer import FeedingLayer, draw, feeders, qualified_modules
from relume.acts.gain import gain
from relume.acts.lookup import act as find
from relume.acts.module import ActModule
from relume.acts.recognise import act_of, act_of_function, calls_in, module_class
from relume.errors import UsageError

_HOOKS = tuple(name for name in vars(nn.Module()) if "_hook" in name)
_INIT = ("keep", "match")
_FUSED = {"relu": 1, "gelu": 2}  # what nn.TransformerEncoderLayer's fused path knows


@dataclass(frozen=True, slots=True)
class Swapped:
    """One changed act: its path, the old and the new act, and the layer redrawn before it."""

    path: str
    old: str
    new: str
    layer: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """One act that stays as it is: its path, its name, and the reason."""

    path: str
    act: str
    reason: str
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Swap:
    """What `swap` did.

    Attributes:
        changed: the acts that were exchanged.
        left: acts of that name that were not changed, and layers that were not redrawn.
        added, removed: keys of the state dict that came or went with learnable acts.
    """

    changed: tuple[Swapped, ...]
    left: tuple[Left, ...]
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [f"{len(self.changed)} changed, {len(self.left)} left"]
        for one in self.changed:
            drawn = f", {one.layer} drawn anew" if one.layer else ""
            lines.append(f"  {one.path}: {one.old} -> {one.new}{drawn}")
        for one in self.left:
            where = f" ({one.file}:{one.line})" if one.line else ""
            lines.append(f"  {one.path or 'the model'}: {one.act} stays: {one.reason}{where}")
        if self.added:
            lines.append(f"  new parameters: {', '.join(self.added)}; make the optimiser anew")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _ActSlot:
    """An act module to exchange, and every place where it is registered."""

    module: nn.Module
    places: tuple[tuple[str, nn.Module, str], ...]  # qualified path, parent, name in the parent


def swap(
    model: nn.Module,
    old: str | Act,
    new: str | Act,
    *,
    where: str = "*",
    init: str = "keep",
    sample: Any = None,
    seed: int = 0,
) -> Swap:
    """Change the model's acts in place: modules, and functions kept as attributes.

    Hooks, device, dtype, training mode and the names in the state dict stay. The new module is
    torch's own where torch has one without learned parameters, so that the model does not depend
    on relume. Calls in a `forward` (``F.relu(x)``) are no modules: they are found in the source
    and listed as left.

    Args:
        model: changed in place; all of it or, after an error, nothing.
        old: the act to change, by name; without parameters the act at any.
        new: the act to put there, with parameters if need be:
            ``"leaky_relu(negative_slope=0.1)"``.
        where: a glob on the qualified module name, such as ``"encoder.*"``.
        init: ``"keep"``: weights stay. ``"match"``: the affine layer in front of each changed act
            is redrawn from N(0, gain^2 / fan_in) with the new act's gain, its bias set to 0:
            for a model that is not trained yet. A norm layer between makes this needless.
        sample: one batch (a tensor, or the tuple of forward's arguments) that shows which layer
            feeds which act; without it only neighbours in `nn.Sequential` are sure. It is run
            once in evaluation mode without gradients; buffers and random states stay.
        seed: of the draw; the global random state is not touched.

    Returns:
        A `Swap`.

    Raises:
        UnknownNameError: no such act.
        UsageError: `where` matches no module, `init` is another word, or the new act changes the
            shape (a gated unit or Maxout for an elementwise act).

    Example:
        >>> from torch import nn
        >>> import relume
        >>> print(relume.swap(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), "relu", "gelu"))
        1 changed, 0 left
          1: relu -> gelu(approximate='none')
    """
    source, target = find(old), find(new)
    _check(model, source, target, where, init)
    keys_before = set(model.state_dict())
    slots: list[tuple[_ActSlot, Act]] = []
    left: list[Left] = []
    for slot in _slots(model, where):
        act = act_of(slot.module)
        if act is None or not _is(act, source, old):
            continue
        if not slot.places[0][0]:
            left.append(Left("", act.name, "it is the model itself, and has no place to change"))
        else:
            slots.append((slot, act))
    front: dict[int, FeedingLayer] = feeders(model, [slot.module for slot, _ in slots], sample)
    replacements = [(slot, act, stand_in(target, slot.module, model, front)) for slot, act in slots]
    redrawn = _redraw(replacements, front, target, seed, left) if init == "match" else {}
    changed = [
        Swapped(path, str(act), str(target), redrawn.get(id(slot.module), ""))
        for slot, act, module in replacements
        for path in _put(slot, module)
    ]
    changed += _swap_attributes(model, source, target, where)
    left += _calls_left(model, source, where)
    keys_after = set(model.state_dict())
    return Swap(
        tuple(changed),
        tuple(left),
        tuple(sorted(keys_after - keys_before)),
        tuple(sorted(keys_before - keys_after)),
    )


def _check(model: nn.Module, old: Act, new: Act, where: str, init: str) -> None:
    if init not in _INIT:
        raise UsageError(f"init is {init!r}; it is 'keep' or 'match'.")
    shaping = ("gated", "maxout")
    if old.family != new.family and new.family in shaping:
        raise UsageError(
            f"{new.name} returns another shape than it takes; it cannot stand for {old.name}."
        )
    if old.family != new.family and old.family in shaping:
        raise UsageError(f"{old.name} changes the shape; {new.name} cannot stand for it.")
    paths = [path for path, _ in qualified_modules(model)]
    if where != "*" and not any(fnmatchcase(path, where) for path in paths):
        near = get_close_matches(where.rstrip(".*"), paths, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(paths[1:4])} ..."
        raise UsageError(f"where={where!r} matches no module of the model; {hint}")


def _is(act: Act, wanted: Act, text: str | Act) -> bool:
    """Whether an act is the wanted one and, where `text` names parameters, at these."""
    if act.name != wanted.name or (isinstance(text, str) and "(" not in text):
        return act.name == wanted.name
    return dict(act.defaults) == dict(wanted.defaults)


def _slots(model: nn.Module, where: str) -> list[_ActSlot]:
    """Return every module once, with all places where it is registered that `where` matches."""
    modules = dict(qualified_modules(model, every=True))
    places: dict[int, list[tuple[str, nn.Module, str]]] = {}
    by_id: dict[int, nn.Module] = {}
    for path, module in modules.items():
        if not fnmatchcase(path, where):
            continue
        above, _, name = path.rpartition(".")
        by_id[id(module)] = module
        places.setdefault(id(module), []).append((path, modules[above], name))
    return [_ActSlot(by_id[key], tuple(registered)) for key, registered in places.items()]


def stand_in(
    target: Act, old: nn.Module, model: nn.Module, front: dict[int, FeedingLayer]
) -> nn.Module:
    """Return a module of `target` in the old one's state: hooks, mode, device, dtype, in-place."""
    kind = module_class(target)
    usual = find(target.name).defaults
    options = {name: value for name, value in target.defaults.items() if value != usual[name]}
    if kind is not None and options.keys() <= inspect.signature(kind).parameters.keys():
        made = kind(**options)
        if getattr(old, "inplace", False) and hasattr(made, "inplace"):
            made.__dict__["inplace"] = True
    else:
        near = front[id(old)].module if id(old) in front else None
        like = next((near or model).parameters(), None)
        place = {} if like is None else {"device": like.device, "dtype": like.dtype}
        made = target.module(**place)
        if isinstance(old, ActModule) and old.exact:
            made.exact = True
    made.train(old.training)
    for name in _HOOKS:
        made.__dict__[name] = old.__dict__[name]  # the same dict: handles go on working
    return made


def _put(slot: _ActSlot, module: nn.Module) -> list[str]:
    for _, parent, name in slot.places:
        parent._modules[name] = module
        encoder = isinstance(parent, nn.TransformerEncoderLayer)
        if encoder and name == "activation":
            vars(parent)["activation_relu_or_gelu"] = 0
    return [path for path, _, _ in slot.places]


def _swap_attributes(model: nn.Module, old: Act, new: Act, where: str) -> list[Swapped]:
    """Exchange functions that are attributes, as in torch's transformer layers."""
    swapped: list[Swapped] = []
    for path, module in qualified_modules(model):
        for name, value in list(vars(module).items()):
            full = f"{path}.{name}" if path else name
            if not callable(value) or isinstance(value, type) or not fnmatchcase(full, where):
                continue
            act = act_of_function(value)
            if act is None or act.name != old.name:
                continue
            plain = dict(new.defaults) == dict(find(new.name).defaults)
            if isinstance(module, nn.TransformerEncoderLayer):
                flag = _FUSED.get(new.name, 0) if plain else 0
                vars(module)["activation_relu_or_gelu"] = flag
            vars(module)[name] = new.native if plain and new.native is not None else new
            swapped.append(Swapped(full, str(act), str(new)))
    return swapped


def _calls_left(model: nn.Module, old: Act, where: str) -> list[Left]:
    """Return calls in users' own forwards, once a line."""
    by_line: dict[tuple[str, int], Left] = {}
    for path, module in qualified_modules(model):
        if where != "*" and not fnmatchcase(path, where):
            continue
        for call in calls_in(module):
            if call.act.name == old.name:
                reason = f"a call in {type(module).__name__}.forward; change it in the source"
                left = Left(path, call.act.name, reason, call.file, call.line)
                by_line.setdefault((call.file, call.line), left)
    return sorted(by_line.values(), key=lambda one: (one.file, one.line))


def _redraw(
    replacements: Sequence[tuple[_ActSlot, Act, nn.Module]],
    front: dict[int, FeedingLayer],
    target: Act,
    seed: int,
    left: list[Left],
) -> dict[int, str]:
    """Redraw the layers in front; return their paths by act module, and add to `left` the rest."""
    strength = gain(target)
    source = torch.Generator().manual_seed(seed)
    paths: dict[int, str] = {}
    weights: list[tuple[nn.Module, Tensor]] = []
    redrawn: set[int] = set()
    for slot, act, _ in replacements:
        path = slot.places[0][0]
        layer = front.get(id(slot.module))
        reason = "which layer feeds it is not known: pass sample=" if layer is None else layer.bar
        if layer is None or reason:
            left.append(Left(path, act.name, f"no layer drawn anew: {reason}"))
            continue
        paths[id(slot.module)] = layer.path
        if id(layer.module) not in redrawn:
            redrawn.add(id(layer.module))
            weights.append((layer.module, draw(layer.module, strength, source)))
    for feeding, weight in weights:
        with torch.no_grad():
            feeding.weight.copy_(weight)  # pyright: ignore
            if getattr(feeding, "bias", None) is not None:
                feeding.bias.zero_()  # pyright: ignore
    return paths
