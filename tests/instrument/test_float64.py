"""Values are taken in float64 on every device, also on those that have no such type."""

import re
from pathlib import Path
from typing import Any

import torch

import relume
from relume.instrument.float64 import as_float64


class OnMps:
    """A stand-in for a tensor on Apple's MPS, which raises as torch does there."""

    device = torch.device("mps")

    def __init__(self, values: torch.Tensor) -> None:
        self.values = values

    def double(self) -> torch.Tensor:
        raise TypeError("Cannot convert a MPS Tensor to float64 dtype")

    def cpu(self) -> torch.Tensor:
        return self.values


def test_a_tensor_on_mps_goes_through_the_cpu() -> None:
    stand_in: Any = OnMps(torch.arange(3.0))
    assert as_float64(stand_in).tolist() == [0.0, 1.0, 2.0]
    assert as_float64(stand_in).dtype == torch.float64


def test_elsewhere_it_stays_where_it_is() -> None:
    assert as_float64(torch.ones(2, device="meta")).device.type == "meta"
    assert as_float64(torch.ones(2, dtype=torch.float16)).dtype == torch.float64


def test_the_recorder_converts_no_tensor_by_itself() -> None:
    """Only of what lies on the CPU: `parameter_samples`, and what was fetched."""
    record = Path(relume.__file__).parent / "record"
    found = [
        path.name
        for path in record.rglob("*.py")
        if re.search(r"(?<!\.cpu\(\))\.double\(\)|\.to\(torch\.float64\)", path.read_text("utf-8"))
    ]
    assert found == ["parameter_samples.py"]
