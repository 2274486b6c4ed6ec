"""An act that is another function than the one of the same name in the configuration."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import relume
from relume.checks.named_acts import named_acts
from relume.core import Diagnosis, Finding


class Block(nn.Module):
    """A configured model: two layers, an act, and a pooler with a tanh of its own."""

    def __init__(self, act: nn.Module, **named: Any) -> None:
        super().__init__()
        self.config = SimpleNamespace(**named)
        self.mlp = nn.Sequential(nn.Linear(4, 16), act, nn.Linear(16, 8))
        self.pooler = nn.Sequential(nn.Tanh(), nn.Linear(8, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.pooler(self.mlp(x))


def found(model: nn.Module) -> list[Finding]:
    diagnosis: Diagnosis = relume.check(model, torch.randn(64, 4))
    return [finding for finding in diagnosis.findings if finding.code == "ACT107"]


@pytest.mark.parametrize(
    ("act", "named", "severity", "gap"),
    [
        (nn.GELU(), {"hidden_activation": "gelu_pytorch_tanh"}, 1, 4.7e-4),
        (nn.GELU("tanh"), {"hidden_act": "gelu"}, 1, 4.7e-4),
        (nn.Hardswish(), {"act_fn": "silu"}, 2, 0.14),
        (nn.ReLU6(), {"activation_function": "relu"}, 2, 6.0),
        (relume.act("quick_gelu").module(), {"activation": "gelu"}, 2, 0.02),
    ],
)
def test_another_function_of_the_name_is_told(
    act: nn.Module, named: dict[str, str], severity: int, gap: float
) -> None:
    findings = found(Block(act, **named))
    (finding,) = findings
    assert finding.severity == severity
    assert finding.site == "mlp.1"
    assert finding.evidence.value == pytest.approx(gap, rel=0.2)


@pytest.mark.parametrize(
    ("act", "named"),
    [
        (nn.GELU(), {"hidden_act": "gelu"}),
        (nn.GELU("tanh"), {"hidden_act": "gelu_new"}),
        (nn.SiLU(), {"hidden_act": "swish"}),
        (nn.ReLU(), {"hidden_act": "gelu"}),  # another word: a head of the user's
        (nn.GELU("tanh"), {"activation_fn": "geglu"}),  # of the block, no act of one tensor
        (nn.GELU(), {"hidden_act": None}),
        (nn.GELU("tanh"), {}),
    ],
)
def test_what_is_as_it_is_named_is_silent(act: nn.Module, named: dict[str, Any]) -> None:
    assert found(Block(act, **named)) == []


def test_the_nearest_configuration_counts() -> None:
    inner = Block(nn.GELU("tanh"), hidden_act="gelu_new")
    outer = nn.Module()
    outer.config = {"hidden_act": "gelu"}  # pyright: ignore
    outer.inner, outer.act = inner, nn.GELU()
    facts = {fact.site: fact.data["difference"] for fact in named_acts(outer)}
    assert facts == {"act": 0.0, "inner.mlp.1": 0.0}
