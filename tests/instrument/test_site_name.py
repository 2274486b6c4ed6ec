"""The name of an act's call is written and read alike, and names never run out."""

import pytest
from torch import nn

from relume.core import Site
from relume.instrument.site_name import SiteName, is_act_module
from relume.record.sites.qualified_names import QualifiedNames
from relume.record.sites.sites import Sites, SiteState


@pytest.mark.parametrize("name", ["block.act", "relu()", "block.relu()", "block.relu()#2", "act#3"])
def test_a_name_is_read_as_it_is_written(name: str) -> None:
    assert str(SiteName.read(name)) == name


def test_many_acts_of_one_name_get_names_of_their_own() -> None:
    sites = Sites(QualifiedNames())
    names: list[str] = []
    for _ in range(4):
        name = sites._name(None, "block", "relu", 0)
        sites.states[name] = SiteState(Site(name, "act"), -1)
        names.append(name)
    assert names == ["block.relu()", "block.relu()'", "block.relu()''", "block.relu()'''"]


def test_an_act_is_a_module_without_weights_of_its_own() -> None:
    assert is_act_module(nn.GELU())
    assert is_act_module(nn.PReLU())
    assert not is_act_module(nn.Linear(1, 1))
    assert not is_act_module(nn.Sequential(nn.ReLU()))
