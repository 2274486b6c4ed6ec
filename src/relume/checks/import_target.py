"""Imports what the words of `relume check` name: a model, its data, a criterion, weights.

A wrong word gives one sentence. What the user's own code raises while it is imported or called
passes through.
"""

import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import torch
from torch import Tensor, nn

from relume.errors import UnknownNameError, UsageError
from relume.registry import unknown

EXAMPLE = "write it as pkg.mod:name or file.py:name"
SHAPE = re.compile(r"\d+([x,]\d+)*")
LARGEST = 2**31  # elements of a made-up input: 8 GiB of float32 is a slip of the finger
WORDS = 100  # integers below this, where no embedding says how many there are


def import_object(word: str, what: str) -> Any:
    """Import the object that `pkg.mod:name` or `file.py:name` names.

    Raises:
        UsageError: no such form, module, file or name; the message names the nearest.
    """
    place, colon, name = word.rpartition(":")
    if not colon or not place or not name:
        raise UsageError(f"{what} is {word!r}; {EXAMPLE}.")
    module = _file(place, what) if place.endswith(".py") else _module(place, what)
    value: Any = module
    for part in name.split("."):
        if not hasattr(value, part):
            names = [known for known in dir(value) if not known.startswith("_")]
            raise UnknownNameError(f"{what} {word!r}: {_near(part, names, place)}")
        value = getattr(value, part)
    return value


def _near(name: str, names: list[str], place: str) -> str:
    message = unknown(name, names, "name")
    return message if "did you mean" in message else f"there is no {name!r} in {place}."


def _module(name: str, what: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise UsageError(f"{what} is in {name!r}, which is no module's name; {EXAMPLE}.")
    folder = str(Path.cwd())
    if folder not in sys.path:  # as `python -m` has it; kept, since code may import later too
        sys.path.insert(0, folder)
    importlib.invalidate_caches()
    missing = _missing_part(name)
    if missing:
        raise UsageError(f"{what} is in the module {name!r}, and there is no {missing!r}.")
    return importlib.import_module(name)


def _missing_part(name: str) -> str:
    """Return the first part of a dotted name that does not exist; empty if all of it does."""
    parts = name.split(".")
    for last in range(1, len(parts) + 1):
        path = ".".join(parts[:last])
        if path in sys.modules:
            continue
        try:
            spec: ModuleSpec | None = importlib.util.find_spec(path)
        except ValueError:  # a module without a spec, as __main__ can be
            spec = None
        except ModuleNotFoundError as error:
            if error.name is None or not path.startswith(error.name):
                raise  # of the user's package, which imports something that is not there
            spec = None
        if spec is None:
            return path
    return ""


def _file(place: str, what: str) -> ModuleType:
    path = Path(place)
    if not path.is_file():
        near = [str(p) for p in path.parent.glob("*.py")] if path.parent.is_dir() else []
        message = unknown(place, near, "file").replace("known: none.", "no Python file is there.")
        raise UsageError(f"{what}: {message}")
    name = path.stem
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == str(path.resolve()):
        return known  # two words may name one file
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise UsageError(f"{what} is in {place!r}, which Python cannot import.")
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def model(word: str) -> nn.Module:
    """Import or make the model that a word names: a module, or a class or function that gives one.

    Raises:
        UsageError: there is none; one sentence.
    """
    named = import_object(word, "TARGET")
    made = named if isinstance(named, nn.Module) or not callable(named) else _call(named, word)
    if not isinstance(made, nn.Module):
        raise UsageError(
            f"TARGET {word!r} is {type(made).__name__}; a torch.nn.Module was expected, or a "
            "function without arguments that gives one."
        )
    return made


def _call(maker: Any, word: str) -> Any:
    try:
        known = inspect.signature(maker).parameters.values()
    except (TypeError, ValueError):
        known = ()
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [p.name for p in known if p.default is p.empty and p.kind not in kinds]
    if needed:
        raise UsageError(f"{word!r} needs {', '.join(needed)}; name a function without arguments.")
    return maker()


def criterion(word: str) -> Any:
    """Return a loss by name (``cross_entropy``, ``CrossEntropyLoss``), or as `pkg.mod:name`.

    Raises:
        UsageError: there is none of that name; the message names the nearest.
    """
    if ":" in word:
        named = import_object(word, "--criterion")
    else:
        losses = {name: getattr(nn, name) for name in dir(nn) if name.endswith("Loss")}
        plain = {
            name: function
            for name, function in vars(nn.functional).items()
            if callable(function) and list(_names(function))[:2] == ["input", "target"]
        }
        if word not in losses and word not in plain:
            raise UnknownNameError(unknown(word, [*losses, *plain], "criterion"))
        named = losses.get(word) or plain[word]
    made = _call(named, word) if inspect.isclass(named) else named
    if not callable(made):
        raise UsageError(f"--criterion {word!r} is {type(made).__name__}; a loss was expected.")
    return made


def _names(function: Any) -> Iterator[str]:
    try:
        yield from inspect.signature(function).parameters
    except (TypeError, ValueError):  # written in C
        yield from ("input", "target") if "loss" in str(getattr(function, "__name__", "")) else ()


def made_up_inputs(shape: str, dtype: str, seen: nn.Module) -> Tensor:
    """Draw a random input of a shape such as ``32x3x224x224``, the same one every time.

    Floating numbers have mean 0 and spread 1; integers are below the model's smallest embedding.

    Raises:
        UsageError: no shape, or no type of numbers.
    """
    if not SHAPE.fullmatch(shape):
        raise UsageError(f"--input is {shape!r}; it is a shape with the batch first: 32x3x224x224.")
    sizes = [int(size) for size in re.split("[x,]", shape)]
    count = 1
    for size in sizes:
        count *= size
    if not count:
        raise UsageError(f"--input is {shape!r}, which has 0 numbers; each length is 1 at least.")
    if count > LARGEST:
        raise UsageError(f"--input is {shape!r}, which has {count:,} numbers; make it smaller.")
    kinds = ("float32", "float64", "float16", "bfloat16", "int64", "int32")
    if dtype not in kinds:
        raise UnknownNameError(unknown(dtype, kinds, "dtype"))
    kind: torch.dtype = getattr(torch, dtype)
    draw = torch.Generator().manual_seed(0)
    if kind.is_floating_point:
        return torch.randn(sizes, generator=draw).to(kind)
    tables = [m.num_embeddings for m in seen.modules() if isinstance(m, nn.Embedding)]
    return torch.randint(min(tables, default=WORDS), sizes, generator=draw, dtype=kind)


def weights(file: Path, into: nn.Module) -> None:
    """Load a checkpoint's parameters and buffers into a model.

    Raises:
        UsageError: a file that cannot be read, or that belongs to another model.
    """
    from relume.checks.load_data import read_file

    state: Any = read_file(file, "--weights", safe=True)
    for key in ("state_dict", "model_state_dict", "model", "weights"):
        if isinstance(state, dict) and isinstance(cast("Any", state).get(key), dict):
            state = cast("Any", state)[key]
    if not isinstance(state, dict) or not state:
        raise UsageError(f"--weights {str(file)!r} holds no named tensors; a state_dict does.")
    tensors = {str(name): value for name, value in cast("dict[Any, Any]", state).items()}
    for prefix in ("module.", "_orig_mod."):  # DistributedDataParallel, torch.compile
        if all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
    wanted = set(into.state_dict())
    lacks, strange = sorted(wanted - tensors.keys()), sorted(tensors.keys() - wanted)
    if lacks or strange:
        parts = [
            f"{len(names)} {words}, as {names[0]!r}"
            for names, words in ((lacks, "of its tensors missing"), (strange, "unknown to it"))
            if names
        ]
        raise UsageError(f"--weights {str(file)!r} is of another model: {'; '.join(parts)}.")
    try:
        into.load_state_dict(tensors)
    except RuntimeError as error:
        reason = " ".join(str(error).split("\t")[-1].split()).rstrip(".")
        raise UsageError(f"--weights {str(file)!r} is of another model: {reason}.") from None


def data(word: str) -> Any:
    """Return a batch or a loader: a saved file, or what `pkg.mod:name` is or gives.

    Raises:
        UsageError: there is none; one sentence.
    """
    from relume.checks.load_data import KINDS, load_batches

    if Path(word).suffix.lower() in KINDS:
        return load_batches(Path(word))
    named = import_object(word, "--data")
    maker = callable(named) and (inspect.isclass(named) or not hasattr(named, "__iter__"))
    return _call(named, word) if maker else named
