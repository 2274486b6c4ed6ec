"""Puts blocks of statements where a training is set up: before or after the optimiser is made.

There the model is made and has a name, in a script, in a function and in a method alike. A block
names the model ``{model}`` and the optimiser ``{optimiser}``.
"""

from typing import TYPE_CHECKING, Any

import libcst as cst

from relume.fixes.source.code import Code, dotted, last_name, read, statements, with_torch

if TYPE_CHECKING:
    from relume.fixes.source.diff import Patch, Source

OPTIMISERS = frozenset(
    {"SGD", "Adam", "AdamW", "Adamax", "Adagrad", "Adadelta", "NAdam", "RAdam", "RMSprop", "ASGD"}
)
HOME = "torch.optim."


def optimisers(code: Code) -> list[cst.Call]:
    """Return the calls that make an optimiser of torch."""
    calls = [call for call in code.nodes(cst.Call) if code.name(call.func).startswith(HOME)]
    return [call for call in calls if code.name(call.func).rpartition(".")[2] in OPTIMISERS]


def makers(code: Code) -> list[cst.Call]:
    """Return the calls that make an optimiser: of torch, or where the file has none of those, any
    whose result is stepped and cleared, as that of the user's own factory."""
    calls = code.nodes(cst.Call)
    stepped, cleared = (
        {dotted(getattr(c.func, "value", None)) for c in calls if last_name(c.func) == verb}
        for verb in ("step", "zero_grad")
    )
    own = [node for node in code.nodes(cst.Assign) if len(node.targets) == 1]
    return optimisers(code) or [
        node.value
        for node in own
        if isinstance(node.value, cst.Call)
        and dotted(node.targets[0].target) in (stepped & cleared) - {""}
    ]


def model_of(code: Code, optimiser: cst.Call) -> str:
    """Return the expression of the model whose parameters the optimiser gets.

    Of ``model.head.parameters()`` that is ``model``: layers are named from the whole model.
    """
    owners = _owners(code, optimiser) or _owners(code, code.module)
    roots = {_root(owner) for owner in owners}
    return next(iter(roots)) if len(roots) == 1 else ""


def _owners(code: Code, within: cst.CSTNode) -> list[str]:
    calls = code.nodes(cst.Call, within)
    named = [c for c in calls if last_name(c.func) in ("parameters", "named_parameters")]
    return [name for c in named if (name := dotted(getattr(c.func, "value", None)))]


def _root(owner: str) -> str:
    parts = owner.split(".")
    return ".".join(parts[:2]) if parts[0] == "self" and len(parts) > 1 else parts[0]


def before_optimiser(source: "Source", block: str) -> "Patch | None":
    """Insert a block in front of the statement that makes the one optimiser."""
    return _around(source, block, after=False)


def after_optimiser(source: "Source", block: str, *, settled: bool = False) -> "Patch | None":
    """Insert a block behind the statement that makes the one optimiser.

    Args:
        source: the file.
        block: the statements.
        settled: behind the last change of the model's parts that follows as well.
    """
    return _around(source, block, after=True, settled=settled)


def _around(source: "Source", block: str, *, after: bool, settled: bool = False) -> "Patch | None":
    code = read(source.text)
    made = [] if code is None else makers(code)
    if code is None or len(made) != 1:
        return None
    call = made[0]
    model = model_of(code, call)
    if not model and "{model}" in block:
        return None
    line = code.above(call, cst.SimpleStatementLine)
    if line is None or len(line.body) != 1:
        return None
    only = line.body[0]
    named = isinstance(only, cst.Assign) and only.value is call and len(only.targets) == 1
    name = (dotted(only.targets[0].target) if named else "") or "optimizer"
    text = block.replace("{model}", model).replace("{optimiser}", name)
    new = statements(text)
    if named or not after:
        place: Any = _last_change(code, line, model) if settled else line
        changed = code.replaced({place: lambda kept: _beside(kept, new, after=after)})
    else:  # the call stands in a return or in another call: it gets a name first
        first: Any = cst.parse_statement(f"{name} = {code.text(call)}")

        def hoist(kept: Any) -> Any:
            bare = kept.with_changes(leading_lines=[])
            return cst.FlattenSentinel(
                [first.with_changes(leading_lines=kept.leading_lines), *new, bare]
            )

        changed = code.replaced({call: lambda _: cst.Name(name), line: hoist})
    return patch_from(source, with_torch(changed))


def _beside(kept: Any, new: list[Any], *, after: bool) -> Any:
    if after:
        return cst.FlattenSentinel([kept, *new])
    return cst.FlattenSentinel([*new, kept])


def _last_change(code: Code, line: Any, model: str) -> Any:
    """Return the last later statement of the same block that assigns a part of the model."""
    body = list(code.parent(line).body)
    found = line
    for later in body[body.index(line) + 1 :]:
        part = later.body[0] if isinstance(later, cst.SimpleStatementLine) else None
        if isinstance(part, cst.Assign) and any(
            dotted(target.target).startswith(f"{model}.") for target in part.targets
        ):
            found = later
    return found


def before_step(source: "Source", block: str) -> "Patch | None":
    """Insert a block in front of the one ``optimizer.step()`` of the file; where there is not one
    such statement, give None.

    The owner of the step is what torch's optimiser was assigned to, or a parameter that is named
    as optimisers are.
    """
    return _beside_step(source, block, after=False)


def after_step(source: "Source", block: str) -> "Patch | None":
    """Insert a block behind that statement."""
    return _beside_step(source, block, after=True)


def _beside_step(source: "Source", block: str, *, after: bool) -> "Patch | None":
    code = read(source.text)
    if code is None:
        return None
    made = {dotted(target.target) for call in optimisers(code) for target in _targets(code, call)}
    found: list[tuple[Any, str]] = []
    for line in code.nodes(cst.SimpleStatementLine):
        call = line.body[0].value if isinstance(line.body[0], cst.Expr) else None
        if isinstance(call, cst.Call) and last_name(call.func) == "step":
            owner = dotted(getattr(call.func, "value", None))
            if owner in made or owner.rpartition(".")[2].startswith("opt"):
                found.append((line, owner))
    if len(found) != 1:
        return None
    line, owner = found[0]
    new = statements(block.replace("{optimiser}", owner))

    def change(kept: Any) -> Any:
        if after:
            return cst.FlattenSentinel([kept, *new])
        new[0] = new[0].with_changes(leading_lines=kept.leading_lines)
        return cst.FlattenSentinel([*new, kept.with_changes(leading_lines=[])])

    return patch_from(source, with_torch(code.replaced({line: change})))


def _targets(code: Code, call: cst.Call) -> Any:
    given = code.parent(call)
    return given.targets if isinstance(given, cst.Assign) else ()


def draw_block(stds: dict[str, str], why: str) -> str:
    """Return statements that draw layers anew, in this order, from a generator of their own.

    `stds` gives the standard deviation of each layer as an expression, which may use ``fan_in`` and
    ``fan_out``.
    """
    lines = [f"# {why}", "generator = torch.Generator().manual_seed(1729)"]
    for std, layers in _runs(stds):
        lines += [
            f"for name in [{layers}]:",
            "    layer = {model}.get_submodule(name)",
            "    fan_in = layer.weight[0].numel()",
            *(["    fan_out = layer.weight[:, 0].numel()"] if "fan_out" in std else []),
            "    with torch.no_grad():",
            f"        std = {std}",
            "        layer.weight.copy_("
            "torch.randn(layer.weight.shape, generator=generator) * std)",
            "        if layer.bias is not None:",
            "            layer.bias.zero_()",
        ]
    return "\n".join(lines) + "\n"


def _runs(stds: dict[str, str]) -> list[tuple[str, str]]:
    """Return each deviation with the names of the layers in a row that have it."""
    runs: list[tuple[str, list[str]]] = []
    for name, std in stds.items():
        if not runs or runs[-1][0] != std:
            runs.append((std, []))
        runs[-1][1].append(f'"{name}"')
    return [(std, ", ".join(names)) for std, names in runs]


def bias_block(layers: tuple[str, ...], value: float, why: str) -> str:
    """Return statements that set the biases of layers."""
    names = ", ".join(f'"{name}"' for name in layers)
    return (
        f"# {why}\n"
        f"for name in [{names}]:\n"
        f"    torch.nn.init.constant_({{model}}.get_submodule(name).bias, {value:g})\n"
    )


def parts_block(sites: tuple[str, ...], module: str, why: str) -> str:
    """Return statements that put a new module, given as an expression, in the place of others."""
    names = ", ".join(f'"{name}"' for name in sites)
    return f"# {why}\nfor name in [{names}]:\n    {{model}}.set_submodule(name, {module})\n"


def patch_from(source: "Source", text: str | None) -> "Patch | None":
    """Return the new text as a patch of that file."""
    from relume.fixes.source.diff import Patch

    return None if text is None else Patch(source.relative, source.text, text)
