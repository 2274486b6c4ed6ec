"""Networks of functions and tensors alone: no module is ever entered."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import relume
from relume.core import Trace

SCRIPT = """
import sys, torch
torch.manual_seed(0)
layers = [
    ((torch.randn(a, b) * (2 / a) ** 0.5).requires_grad_(), torch.zeros(b, requires_grad=True))
    for a, b in ((8, 16), (16, 16), (16, 3))
]
def net(x):
    for weight, bias in layers[:-1]:
        x = getattr(torch, sys.argv[1])(x @ weight + bias)
    weight, bias = layers[-1]
    return x @ weight + bias
optimizer = torch.optim.Adam([tensor for pair in layers for tensor in pair], 1e-2)
for step in range(80):
    x = torch.randn(32, 8)
    loss = torch.nn.functional.cross_entropy(net(x), (x[:, 0] > 0).long() + (x[:, 1] > 0))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def recorded(tmp_path: Path, *words: str) -> Trace:
    (tmp_path / "train.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "relume", "run", "--isolated", "--dir", str(tmp_path / "runs")]
    subprocess.run([*command, "train.py", *words], cwd=tmp_path, capture_output=True, check=False)
    (file,) = (tmp_path / "runs").glob("*.sqlite")
    return relume.load(file).trace()


@pytest.mark.parametrize("act", ["relu", "tanh", "sigmoid"])
def test_acts_between_plain_tensors_are_seen_on_every_record(act: str, tmp_path: Path) -> None:
    trace = recorded(tmp_path, act)
    sites = trace.sites_of("act")
    assert [(site.name, site.act, site.role) for site in sites] == [
        (f"{act}()", act, "hidden"),
        (f"{act}()#2", act, "hidden"),
    ]
    for site in sites:
        post = trace.series(site.name, "post_rms")
        assert post is not None
        assert len(post) == trace.meta["records"] >= 60
        assert np.isfinite(post.values).all()
    assert not trace.facts_of("error")
