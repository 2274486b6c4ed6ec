"""Reading tensors through NumPy: the same numbers, and nothing of the user's is marked by it."""

import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import relume
from relume.record.measure.parameter_samples import MOST_ELEMENTS, ParameterSampler
from relume.record.measure.tensor_view import DTYPES, array, array_of, readable


def test_what_numpy_marks_for_good_is_not_marked_here() -> None:
    """The broken twin: torch's own way to NumPy makes a storage fixed for ever."""
    marked, left = torch.zeros(10), torch.zeros(10)
    marked.numpy()
    array(left)
    assert not marked.untyped_storage().resizable()
    assert left.untyped_storage().resizable()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0, 3), (7,), (3, 4), (2, 3, 4, 5)])
def test_the_same_numbers_whatever_the_strides(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    tensor = (100 * torch.rand(shape)).to(dtype)
    views = [tensor, tensor.movedim(0, -1) if shape else tensor, tensor[..., ::2] if shape else 0]
    for view in views:
        if isinstance(view, Tensor):
            found = array(view)
            assert found.dtype == DTYPES[dtype]
            assert np.array_equal(found, view.clone().numpy())
            assert not found.flags.writeable


def test_an_array_keeps_its_tensor_alive() -> None:
    found = array(torch.full((1000,), 3.0))
    torch.full((1000,), 5.0)
    assert (found == 3).all()


def test_what_cannot_be_read_is_copied() -> None:
    half = torch.rand(5).bfloat16()
    turned = torch.view_as_complex(torch.rand(4, 2)).conj().imag
    assert not readable(half)
    assert not readable(turned)
    assert not readable(torch.empty(3, device="meta"))
    assert np.array_equal(array_of(half), half.float().numpy())
    assert np.array_equal(array_of(turned), turned.resolve_neg().numpy())


def many() -> list[Tensor]:
    sizes = [(5,), (64, 65), (3, 4, 5), (MOST_ELEMENTS + 1,), (300, 301), (1,)]
    return [torch.randn(size) for size in sizes]


def of_one(tensor: Tensor) -> Tensor:
    """What stands in the docstring: everything, or runs of 16 an odd number of runs apart."""
    flat, size = tensor.reshape(-1), tensor.numel()
    if size <= MOST_ELEMENTS:
        return flat
    runs = flat[: size - size % 16].reshape(-1, 16)
    return runs[:: -(-size // MOST_ELEMENTS) | 1].reshape(-1)


def test_samples_are_of_now_wherever_the_tensors_have_gone() -> None:
    sampler, tensors = ParameterSampler(), many()
    for round_ in range(4):
        for tensor in tensors:
            tensor.mul_(1.5)
        if round_ == 2:
            tensors[1] = torch.randn(64, 65)  # another place
            tensors[4] = torch.randn(301, 300).t()  # the same entries, another order
        found = sampler.take(tensors)
        for part, norm, scale, tensor in zip(
            found.parts(), found.norms(), found.scales, tensors, strict=True
        ):
            wanted = of_one(tensor)
            assert torch.equal(part, wanted)
            assert norm == pytest.approx(float(wanted.norm()), rel=1e-5)
            assert scale == pytest.approx((tensor.numel() / wanted.numel()) ** 0.5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_samples_of_two_types(dtype: torch.dtype) -> None:
    mixed = [torch.randn(9), torch.randn(100, 100).to(dtype)]
    for tensors in (mixed, mixed[1:]):
        found = ParameterSampler().take(tensors)
        assert found.flat.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
        assert torch.equal(found.parts()[-1], of_one(mixed[1]).to(found.flat.dtype))


def test_a_sampler_keeps_no_tensor_alive_and_reads_no_other_in_its_place() -> None:
    sampler, tensor = ParameterSampler(), torch.full((MOST_ELEMENTS + 100,), 2.0)
    kept = weakref.ref(tensor.untyped_storage())
    assert sampler.take([tensor]).flat.unique().tolist() == [2.0]
    assert tensor.untyped_storage().resizable()
    del tensor
    assert kept() is None
    other = torch.full((MOST_ELEMENTS + 100,), 3.0)
    assert sampler.take([other]).flat.unique().tolist() == [3.0]


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4 * 36, 10)
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.relu(self.conv(x))
        found = self.fc(torch.tanh(hidden.flatten(1)))
        self.seen = [x, hidden, found]
        return found


def test_everything_of_the_users_can_be_resized_after_a_record(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    with relume.watch(net, every=1, path=tmp_path / "run.sqlite") as run:
        for _ in range(20):
            x, y = torch.randn(8, 3, 8, 8), torch.randint(0, 10, (8,))
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
            grads = [p.grad for p in net.parameters() if p.grad is not None]
            for tensor in (*net.parameters(), *grads, *net.seen, y, loss):
                assert tensor.untyped_storage().resizable()
    assert not run.problems
