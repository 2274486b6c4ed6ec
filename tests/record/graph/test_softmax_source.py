"""Whether a softmax names its axis, against torch's own word: it warns where none was named."""

import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

import relume
from relume.record.graph.softmax_source import axis_is_left_out
from relume.record.sites.qualified_names import is_user_code

CALLS = {
    "F.softmax(z)": True,
    "F.softmax(z, 1)": False,
    "F.softmax(z, dim=-1)": False,
    "F.log_softmax(torch.relu(z))": True,
    "z.softmax(1)": False,
    "z.softmax(-1)": False,
    "torch.softmax(z, 0)": False,
    "F.softmax(*[z, 1])": False,
    "F.softmax(z, **{'dim': 1})": False,
    "F.softmax(\n    z\n)": True,
}


@pytest.mark.parametrize("call", CALLS)
def test_the_source_says_what_torch_warns_of(tmp_path: Path, call: str) -> None:
    file = tmp_path / "net.py"
    file.write_text(
        f"import torch\nfrom torch.nn import functional as F\n\ndef f(z):\n    return {call}\n"
    )
    scope: dict[str, object] = {}
    exec(compile(file.read_text(), str(file), "exec"), scope)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        scope["f"](torch.randn(3, 4))  # type: ignore[operator]
    warned = any("Implicit dimension" in str(one.message) for one in told)
    assert axis_is_left_out(str(file), 5) is warned is CALLS[call]


def test_what_cannot_be_read_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def f(:\n")
    (tmp_path / "b.py").write_text("x = F.softmax(a) + F.softmax(b, 1)\n")
    assert axis_is_left_out(str(tmp_path / "a.py"), 1) is None
    assert axis_is_left_out(str(tmp_path / "b.py"), 1) is None
    assert axis_is_left_out(str(tmp_path / "none.py"), 1) is None


@pytest.mark.filterwarnings("ignore:Implicit dimension")
@pytest.mark.parametrize(("axis", "said"), [(None, True), (1, False)])
def test_a_module_is_asked_itself(tmp_path: Path, axis: int | None, said: bool) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Softmax(axis))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with relume.watch(model, every=1, path=tmp_path / "run.sqlite") as run:
        (model(torch.randn(8, 3)) - 0.25).square().mean().backward()
        optimizer.step()
    (fact,) = run.trace().facts_of("softmax")
    assert fact.data["implicit"] is said


def test_torch_behind_a_link_is_not_the_users() -> None:
    assert not is_user_code(str(Path(torch.__file__).parent / "nn" / "functional.py"))
    assert not is_user_code(str(Path(torch.__file__).resolve().parent / "nn" / "functional.py"))
    assert not is_user_code(relume.__file__)
    assert is_user_code(__file__)
