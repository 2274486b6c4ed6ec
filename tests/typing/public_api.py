"""The public API as a typed script: pyright in strict mode reads it, nobody runs it."""

from pathlib import Path
from typing import assert_type

import torch
from torch import nn

import relume

model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
with relume.watch(model, budget=0.02, path=Path("run.sqlite")) as run:
    assert_type(run, relume.Run)
diagnosis = run.diagnose(select=["ACT4"])
assert_type(diagnosis, relume.Diagnosis)
assert_type(diagnosis.findings, tuple[relume.Finding, ...])
assert_type(diagnosis.ok, bool)
for finding in diagnosis.roots:
    assert_type(finding.severity, relume.Severity)
    assert_type(finding.evidence, relume.Evidence)
    assert_type(finding.message, str)
assert_type(relume.load("run.sqlite").trace(), relume.Trace)
assert_type(diagnosis.to_json(), str)
relume.check(model, torch.randn(8, 4)).raise_if("error")
gain: float = relume.gain("relu")
