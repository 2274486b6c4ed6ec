"""What is said of the dead units of a checkpoint, against the model's own pre-activations."""

import pytest
import torch
from torch import nn

import relume


def test_the_distance_of_dead_units_to_the_data_is_the_models_own() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    rows = torch.randn(3072, 8)  # all that is read: nothing is left to sampling
    with torch.no_grad():
        model[0].bias[:10] = -torch.linspace(8, 20, 10)  # type: ignore[index]
        pre = model[0](rows)[:, :10].double()
    loader = [(part, torch.arange(len(part)) % 3) for part in rows.split(96)]
    diagnosis = relume.check(model, iter(loader), nn.CrossEntropyLoss(), trained=True)
    (found,) = [finding for finding in diagnosis.findings if finding.code == "ACT401"]
    away = (-pre.mean(0) / pre.std(0, correction=0)).quantile(0.5)
    nearest = pre.max(0).values.quantile(0.5)
    said = found.evidence.more
    assert 300 < said["pre_samples"] <= 3072  # pre-activations are read on some batches only
    assert said["distance"] == pytest.approx(float(away), rel=0.05)  # 3 % is one deviation of 500
    assert float(nearest) - 0.7 < said["margin"] <= float(nearest)  # of fewer rows, so not above
    words = f"lies {said['distance']:.1f} standard deviations below zero"
    assert f"Over {said['pre_samples']} samples the mean of their input {words}" in found.message
