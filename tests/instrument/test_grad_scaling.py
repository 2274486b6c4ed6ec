"""What a gradient scaler has multiplied is read without the factor."""

import torch
from torch.amp.grad_scaler import GradScaler

from relume.instrument.grad_scaling import GradScaling


def test_a_loss_in_half_precision_is_read_as_it_was() -> None:
    scaler, scaling = GradScaler("cpu", init_scale=2.0**16), GradScaling()
    loss = torch.ones(3, requires_grad=True).half().sum(0, keepdim=True)
    scaling.read_scale(scaler, loss)
    scaled = scaler.scale(loss)
    assert scaled.isinf()
    assert scaling.unscale(scaled).item() == 3.0


def test_a_loss_that_was_changed_behind_the_scaler_is_divided() -> None:
    scaler, scaling = GradScaler("cpu", init_scale=4.0), GradScaling()
    loss = torch.ones(3, requires_grad=True).sum()
    scaling.read_scale(scaler, loss)
    assert scaling.unscale(scaler.scale(loss) / 2).item() == 1.5
    assert scaling.inverse() == 0.25
    scaling.clear()
    assert not scaling.active
    assert scaling.unscale(loss) is loss
