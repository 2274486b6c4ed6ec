"""Swapping acts: what changes, what stays, what is said."""

import copy
import pickle
from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import relume
from relume.acts import PReLU, Swish
from relume.acts.recognise import act_of, act_of_function, calls_in
from relume.acts.swap import Swap
from relume.errors import UnknownNameError, UsageError


class Block(nn.Module):
    def __init__(self, act: nn.Module) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 6)
        self.act = act
        self.out = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.act(self.fc(x)))


class Functional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.relu(self.fc(x))
        hidden = torch.relu(hidden) + torch.tanh(hidden)
        return hidden.relu()


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        OrderedDict(
            encoder=nn.Sequential(nn.Linear(6, 6), nn.ReLU(), Block(nn.ReLU())),
            decoder=nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Tanh()),
        )
    )


def kinds(model: nn.Module) -> list[str]:
    return [type(m).__name__ for m in model.modules() if not list(m.children())]


def test_only_the_wanted_acts_change() -> None:
    model = net()
    found = relume.swap(model, "relu", "gelu", where="encoder.*")
    assert [one.path for one in found.changed] == ["encoder.1", "encoder.2.act"]
    assert kinds(model).count("GELU") == 2
    assert type(model.decoder[1]) is nn.ReLU
    assert type(model.encoder[1]) is nn.GELU, "torch's own class where there is one"
    assert found.left == ()


def test_the_value_is_that_of_the_new_act() -> None:
    model, x = net(), torch.randn(5, 6)
    twin = copy.deepcopy(model)
    twin.encoder[1], twin.encoder[2].act, twin.decoder[1] = nn.SiLU(), nn.SiLU(), nn.SiLU()
    relume.swap(model, "relu", "silu")
    assert torch.equal(model(x), twin(x))


@pytest.mark.parametrize("new", ["leaky_relu(negative_slope=0.3)", "prelu", "quick_gelu", "elu"])
def test_state_keys_hooks_and_mode_stay(new: str) -> None:
    model = net().eval()
    keys = list(model.state_dict())
    seen: list[str] = []
    handle = model.encoder[1].register_forward_hook(lambda *_: seen.append("forward"))
    model.encoder[1].register_full_backward_hook(lambda *_: seen.append("backward"))
    found = relume.swap(model, "relu", new)
    assert [key for key in model.state_dict() if key not in found.added] == keys
    assert not any(module.training for module in model.modules())
    model(torch.randn(3, 6, requires_grad=True)).sum().backward()
    assert seen == ["forward", "backward"]
    handle.remove()
    model(torch.randn(3, 6))
    assert seen == ["forward", "backward"], "the old handle still removes its hook"
    assert (len(found.added) > 0) is (new == "prelu")


def test_learned_parameters_come_on_the_models_dtype_and_leave_again() -> None:
    model = net().double()
    found = relume.swap(model, "relu", "prelu")
    assert found.added == ("decoder.1.weight", "encoder.1.weight", "encoder.2.act.weight")
    assert model.encoder[1].weight.dtype is torch.float64
    assert "make the optimiser anew" in str(found)
    model(torch.randn(3, 6, dtype=torch.float64)).sum().backward()
    assert model.encoder[1].weight.grad is not None
    back = relume.swap(model, "prelu", "relu")
    assert back.removed == found.added
    assert kinds(model) == kinds(net())


def test_in_place_stays_in_place() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(inplace=True))
    relume.swap(model, "relu", "leaky_relu")
    assert model[1].inplace is True
    relume.swap(model, "leaky_relu", "gelu")  # torch's GELU has no in-place form
    assert type(model[1]) is nn.GELU


def test_a_shared_act_stays_shared() -> None:
    act = nn.ReLU()
    model = nn.Sequential(nn.Linear(2, 2), act, nn.Linear(2, 2), act)
    found = relume.swap(model, "relu", "swish")
    assert [one.path for one in found.changed] == ["1", "3"]
    assert model[1] is model[3]
    assert found.added == ("1.beta", "3.beta")


def test_parameters_of_the_old_act_choose() -> None:
    model = nn.Sequential(nn.LeakyReLU(0.1), nn.LeakyReLU(0.2), nn.ReLU6(), nn.Hardtanh())
    found = relume.swap(model, "leaky_relu(negative_slope=0.2)", "relu")
    assert [one.path for one in found.changed] == ["1"]
    assert [one.path for one in relume.swap(model, "relu6", "relu").changed] == ["2"]
    assert [one.path for one in relume.swap(model, "hardtanh", "tanh").changed] == ["3"]
    assert [one.path for one in relume.swap(model, "leaky_relu", "relu").changed] == ["0"]


def test_functional_calls_are_found_in_the_source_and_left() -> None:
    model = nn.Sequential(Functional(), Functional())
    found = relume.swap(model, "relu", "gelu")
    assert found.changed == ()
    first = Functional.forward.__code__.co_firstlineno
    assert [one.line - first for one in found.left] == [1, 2, 3]
    assert {one.file for one in found.left} == {__file__}
    assert all("change it in the source" in one.reason for one in found.left)
    assert [call.act.name for call in calls_in(model[0])].count("tanh") == 1
    assert f"{__file__}:{first + 1}" in str(found)


def test_nothing_is_read_where_there_is_no_source() -> None:
    space: dict[str, Any] = {"nn": nn, "F": F}
    exec("class M(nn.Module):\n def forward(self, x): return F.relu(x)", space)
    assert list(calls_in(space["M"]())) == []


@pytest.mark.parametrize("act", ["relu", "gelu"])
def test_torchs_transformer_layer(act: str) -> None:
    """Its act is a function kept as an attribute, and its fast path has a flag of its own."""
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, activation=act, batch_first=True)
    model = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval()
    x = torch.randn(3, 5, 8)
    for new in ("silu", "gelu", "relu"):
        relume.swap(model, act, new)
        act = new
        for part in model.layers:
            twin = nn.TransformerEncoderLayer(
                8, 2, 16, dropout=0.0, activation=getattr(F, new), batch_first=True
            ).eval()
            twin.load_state_dict(part.state_dict())
            with torch.no_grad():  # the fast path
                torch.testing.assert_close(part(x), twin(x))
            torch.testing.assert_close(part(x), twin(x))
    copy.deepcopy(model)


def test_match_draws_the_layer_in_front_anew() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(400, 300), nn.Sigmoid(), nn.Linear(300, 200), nn.Sigmoid(), nn.Linear(200, 3)
    )
    head = model[4].weight.clone()
    state = torch.random.get_rng_state()
    found = relume.swap(model, "sigmoid", "relu", init="match")
    assert torch.equal(torch.random.get_rng_state(), state)
    assert [one.layer for one in found.changed] == ["0", "2"]
    for layer in (model[0], model[2]):
        std = float(layer.weight.detach().std())
        assert std == pytest.approx((2 / layer.in_features) ** 0.5, rel=0.02)
        assert not layer.bias.any()
    assert torch.equal(model[4].weight, head)
    again = nn.Sequential(nn.Linear(400, 300), nn.Sigmoid())
    relume.swap(again, "sigmoid", "relu", init="match")
    assert torch.equal(again[0].weight, model[0].weight), "the same seed, the same draw"
    relume.swap(again, "relu", "tanh", init="match", seed=1)
    assert not torch.equal(again[0].weight, model[0].weight)


def test_keep_keeps_every_weight() -> None:
    model = net()
    before = copy.deepcopy(model.state_dict())
    relume.swap(model, "relu", "elu")
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_a_sample_shows_which_layer_feeds_an_act() -> None:
    model = nn.Sequential(Block(nn.ReLU()), nn.Dropout(0.5), nn.BatchNorm1d(6), nn.ReLU())
    blind = relume.swap(copy.deepcopy(model), "relu", "tanh", init="match")
    assert [one.layer for one in blind.changed] == ["", ""]
    said = {one.path: one.reason for one in blind.left}
    assert "pass sample=" in said["0.act"]
    assert "norm layer 2 sets the scale" in said["3"]
    buffers = copy.deepcopy(dict(model.named_buffers()))
    sample = torch.randn(4, 6)
    state = torch.random.get_rng_state()
    out, mine = model[0].out.weight.clone(), model[0].fc.weight.clone()
    found = relume.swap(model, "relu", "tanh", init="match", sample=sample)
    assert [one.layer for one in found.changed] == ["0.fc", ""]
    assert torch.equal(model[0].out.weight, out)
    assert not torch.equal(model[0].fc.weight, mine)
    assert all(torch.equal(buffers[name], value) for name, value in model.named_buffers())
    assert model.training
    assert model[1].training
    assert torch.equal(torch.random.get_rng_state(), state)


def test_convolutions_are_drawn_by_their_fan_in() -> None:
    model = nn.Sequential(
        nn.Conv2d(16, 64, 5), nn.ReLU(), nn.ConvTranspose2d(64, 32, 3, groups=2), nn.ReLU()
    )
    relume.swap(model, "relu", "relu6", init="match")
    gain = relume.gain("relu6")
    assert float(model[0].weight.detach().std()) == pytest.approx(gain / (16 * 25) ** 0.5, rel=0.02)
    assert float(model[2].weight.detach().std()) == pytest.approx(gain / (32 * 9) ** 0.5, rel=0.05)


def test_parametrised_and_lazy_layers_are_left() -> None:
    model = nn.Sequential(
        nn.utils.parametrizations.weight_norm(nn.Linear(3, 3)), nn.ReLU(), nn.LazyLinear(3)
    )
    model.append(nn.ReLU())
    found = relume.swap(model, "relu", "elu", init="match")
    assert len(found.changed) == 2
    reasons = [one.reason for one in found.left]
    assert "the weight of 0 is parametrised" in reasons[0]
    assert "2 is lazy" in reasons[1]


def test_subclasses_are_their_act_only_with_its_forward() -> None:
    class Named(nn.ReLU):
        pass

    class Other(nn.ReLU):
        def forward(self, input: Tensor) -> Tensor:
            return input * 2

    named = act_of(Named())
    assert named is not None
    assert named.name == "relu"
    assert act_of(Other()) is None
    assert act_of(nn.Linear(2, 2)) is None


def test_modules_and_functions_are_recognised_with_their_parameters() -> None:
    for module, text in (
        (nn.LeakyReLU(0.2), "leaky_relu(negative_slope=0.2)"),
        (nn.GELU("tanh"), "gelu(approximate='tanh')"),
        (nn.SELU(), "selu"),
        (nn.ReLU6(), "relu6"),
        (nn.PReLU(), "prelu"),
        (Swish(), "swish"),
        (PReLU(), "prelu"),
    ):
        found = act_of(module)
        assert found is not None
        assert found.name == text.partition("(")[0]
        if "(" in text:
            assert str(found) == text
    for function, name in ((F.gelu, "gelu"), (torch.relu, "relu"), (relume.act("snake"), "snake")):
        found = act_of_function(function)
        assert found is not None
        assert found.name == name
    assert act_of_function(F.linear) is None


def test_the_model_itself_has_no_place_to_change() -> None:
    found = relume.swap(nn.ReLU(), "relu", "gelu")
    assert found.changed == ()
    assert "it is the model itself" in found.left[0].reason


def refused(**words: Any) -> tuple[str, nn.Module]:
    model = net()
    with pytest.raises(UsageError) as caught:
        relume.swap(model, **{"old": "relu", "new": "gelu", **words})
    return str(caught.value), model


def test_refusals_change_nothing() -> None:
    for words, text in (
        ({"where": "encodr.*"}, "where='encodr.*' matches no module of the model; did you mean"),
        ({"init": "xavier"}, "init is 'xavier'; it is 'keep' or 'match'."),
        ({"new": "glu"}, "glu returns another shape than it takes; it cannot stand for relu."),
        ({"new": "gellu"}, "unknown act 'gellu'; did you mean 'gelu'"),
        ({"new": "softmax", "init": "match"}, "softmax works on a whole axis"),
    ):
        message, model = refused(**words)
        assert text in message
        assert kinds(model) == kinds(net()), words
        for one, two in zip(model.parameters(), net().parameters(), strict=True):
            assert torch.equal(one, two)
    with pytest.raises(UnknownNameError):
        relume.swap(net(), "rellu", "gelu")


def test_a_forward_that_fails_on_the_sample_changes_nothing() -> None:
    model = net()
    with pytest.raises(RuntimeError):
        relume.swap(model, "relu", "gelu", init="match", sample=torch.randn(2, 99))
    assert kinds(model) == kinds(net())
    assert model.training
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_nothing_found_is_an_empty_answer() -> None:
    assert relume.swap(nn.Sequential(nn.Linear(2, 2)), "relu", "gelu") == Swap((), ())


def test_gated_units_stand_for_each_other() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.GLU(), nn.Linear(4, 2))
    found = relume.swap(model, "glu", "swiglu")
    assert [one.new for one in found.changed] == ["swiglu(dim=-1)"]
    assert model(torch.randn(3, 4)).shape == (3, 2)


def test_a_swapped_model_is_copied_and_pickled() -> None:
    model = net()
    relume.swap(model, "relu", "snake")
    x = torch.randn(2, 6)
    assert torch.equal(copy.deepcopy(model)(x), model(x))
    act = relume.act("leaky_relu(negative_slope=0.2)")
    assert str(pickle.loads(pickle.dumps(act))) == str(act)
