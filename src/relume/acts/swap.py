"""Changing a model's act modules in place, and telling what was changed and what was not."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn

from relume.acts.act import Act
from relume.acts.feeding_layer import FeedingLayer, draw, feeders, feeding_name
from relume.acts.gain import gain
from relume.acts.lookup import act as find
from relume.acts.module import ActModule
from relume.acts.recognise import act_called, act_of, calls_in, module_class
from relume.errors import UsageError

_HOOKS = tuple(name for name in vars(nn.Module()) if "_hook" in name)
_INIT = ("keep", "match")
_FUSED = {"relu": 1, "gelu": 2}  # what nn.TransformerEncoderLayer's fused path knows


@dataclass(frozen=True, slots=True)
class Swapped:
    """One act that was changed: where, from what, to what, and the layer drawn anew before it."""

    path: str
    old: str
    new: str
    layer: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """One act that stays as it is: where, which, and why."""

    path: str
    act: str
    reason: str
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Swap:
    """What `swap` did.

    Attributes:
        changed: the acts that are others now.
        left: acts of that name that were not changed, and layers that were not drawn anew.
        added, removed: keys of the state dict that learnable acts brought or took away.
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
    """A module act to be changed, at every place where it is registered."""

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
            is drawn anew from N(0, gain^2 / fan_in) with the new act's gain, its bias set to 0:
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
    given = set(model.state_dict())
    found: list[tuple[_ActSlot, Act]] = []
    left: list[Left] = []
    for spot in _spots(model, where):
        there = act_of(spot.module)
        if there is None or not _is(there, source, old):
            continue
        if not spot.places[0][0]:
            left.append(Left("", there.name, "it is the model itself, and has no place to change"))
        else:
            found.append((spot, there))
    front: dict[int, FeedingLayer] = feeders(model, [spot.module for spot, _ in found], sample)
    fresh = [(spot, there, stand_in(target, spot.module, model, front)) for spot, there in found]
    drawn = _draws(fresh, front, target, seed, left) if init == "match" else {}
    changed = [
        Swapped(path, str(there), str(target), drawn.get(id(spot.module), ""))
        for spot, there, module in fresh
        for path in _put(spot, module)
    ]
    changed += _attributes(model, source, target, where)
    left += _calls(model, source, where)
    now = set(model.state_dict())
    return Swap(tuple(changed), tuple(left), tuple(sorted(now - given)), tuple(sorted(given - now)))


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
    paths = [path for path, _ in feeding_name(model)]
    if where != "*" and not any(fnmatchcase(path, where) for path in paths):
        near = get_close_matches(where.rstrip(".*"), paths, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(paths[1:4])} ..."
        raise UsageError(f"where={where!r} matches no module of the model; {hint}")


def _is(there: Act, wanted: Act, given: str | Act) -> bool:
    """The same act, and where `given` names parameters, at these."""
    if there.name != wanted.name or (isinstance(given, str) and "(" not in given):
        return there.name == wanted.name
    return dict(there.defaults) == dict(wanted.defaults)


def _spots(model: nn.Module, where: str) -> list[_ActSlot]:
    """Every module once, with all places where it is registered and `where` lets it."""
    modules = dict(feeding_name(model, every=True))
    places: dict[int, list[tuple[str, nn.Module, str]]] = {}
    known: dict[int, nn.Module] = {}
    for path, module in modules.items():
        if not fnmatchcase(path, where):
            continue
        above, _, name = path.rpartition(".")
        known[id(module)] = module
        places.setdefault(id(module), []).append((path, modules[above], name))
    return [_ActSlot(known[key], tuple(mine)) for key, mine in places.items()]


def stand_in(
    target: Act, old: nn.Module, model: nn.Module, front: dict[int, FeedingLayer]
) -> nn.Module:
    """The new module in the old one's state: hooks, mode, device, dtype, in-place."""
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


def _put(spot: _ActSlot, module: nn.Module) -> list[str]:
    for _, parent, name in spot.places:
        parent._modules[name] = module
        encoder = isinstance(parent, nn.TransformerEncoderLayer)
        if encoder and name == "activation":
            vars(parent)["activation_relu_or_gelu"] = 0
    return [path for path, _, _ in spot.places]


def _attributes(model: nn.Module, old: Act, new: Act, where: str) -> list[Swapped]:
    """Functions kept as attributes, as torch's transformer layers and many of people's own do."""
    found: list[Swapped] = []
    for path, module in feeding_name(model):
        for name, value in list(vars(module).items()):
            full = f"{path}.{name}" if path else name
            if not callable(value) or isinstance(value, type) or not fnmatchcase(full, where):
                continue
            there = act_called(value)
            if there is None or there.name != old.name:
                continue
            plain = dict(new.defaults) == dict(find(new.name).defaults)
            if isinstance(module, nn.TransformerEncoderLayer):
                flag = _FUSED.get(new.name, 0) if plain else 0
                vars(module)["activation_relu_or_gelu"] = flag
            vars(module)[name] = new.native if plain and new.native is not None else new
            found.append(Swapped(full, str(there), str(new)))
    return found


def _calls(model: nn.Module, old: Act, where: str) -> list[Left]:
    """Calls in people's own forwards, once a line."""
    found: dict[tuple[str, int], Left] = {}
    for path, module in feeding_name(model):
        if where != "*" and not fnmatchcase(path, where):
            continue
        for call in calls_in(module):
            if call.act.name == old.name:
                reason = f"a call in {type(module).__name__}.forward; change it in the source"
                mine = Left(path, call.act.name, reason, call.file, call.line)
                found.setdefault((call.file, call.line), mine)
    return sorted(found.values(), key=lambda one: (one.file, one.line))


def _draws(
    fresh: Sequence[tuple[_ActSlot, Act, nn.Module]],
    front: dict[int, FeedingLayer],
    target: Act,
    seed: int,
    left: list[Left],
) -> dict[int, str]:
    """Draw the layers in front anew, and say where that could not be done; by act module."""
    strength = gain(target)
    source = torch.Generator().manual_seed(seed)
    done: dict[int, str] = {}
    plans: list[tuple[nn.Module, Tensor]] = []
    seen: set[int] = set()
    for spot, there, _ in fresh:
        path = spot.places[0][0]
        found = front.get(id(spot.module))
        reason = "which layer feeds it is not known: pass sample=" if found is None else found.bar
        if found is None or reason:
            left.append(Left(path, there.name, f"no layer drawn anew: {reason}"))
            continue
        done[id(spot.module)] = found.path
        if id(found.module) not in seen:
            seen.add(id(found.module))
            plans.append((found.module, draw(found.module, strength, source)))
    for layer, weight in plans:
        with torch.no_grad():
            layer.weight.copy_(weight)  # pyright: ignore
            if getattr(layer, "bias", None) is not None:
                layer.bias.zero_()  # pyright: ignore
    return done
