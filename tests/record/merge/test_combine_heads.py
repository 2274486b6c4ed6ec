"""The figures of heads and experts of two ranks, combined, are those of one process."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np

import relume
from relume.cli.app import main
from relume.core import Trace
from relume.record.store import run_file

# Few rows, so that each rank samples all of its own, and one process all of both.
SCRIPT = """
import os, torch
from torch import nn
from torch.nn import functional as F

world = int(os.environ.get("WORLD_SIZE", "1"))
rank = int(os.environ.get("RANK", "0"))
torch.manual_seed(0)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.router, self.up = nn.Linear(6, 48), nn.Linear(16, 4), nn.Linear(16, 12)

    def forward(self, x):
        q, k, v = (p.unflatten(-1, (4, 4)).transpose(1, 2) for p in self.qkv(x).chunk(3, -1))
        h = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
        weight, pick = self.router(h).softmax(-1).max(-1, keepdim=True)
        every = self.up(h).unflatten(-1, (4, 3))
        took = every.gather(-2, pick[..., None].expand(*pick.shape, 3)).squeeze(-2)
        return (weight * took).mean(1)

model = Net()
if world > 1:
    torch.distributed.init_process_group("gloo")
    model = nn.parallel.DistributedDataParallel(model)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
made = torch.Generator().manual_seed(1)
for step in range(12):
    x = torch.randn(4, 8, 6, generator=made) * 2
    y = torch.randint(0, 3, (4,), generator=made)
    mine = slice(rank * 4 // world, (rank + 1) * 4 // world)
    loss = F.cross_entropy(model(x[mine]), y[mine])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
if world > 1:
    torch.distributed.destroy_process_group()
"""


def run(script: Path, folder: Path, launcher: list[str]) -> list[Path]:
    command = [sys.executable, *launcher, "-m", "relume", "run", "--every", "1", "--isolated"]
    done = subprocess.run(
        [*command, "--dir", str(folder), str(script)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=script.parent,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr[-2000:]
    return run_file.runs(folder)


def summed(trace: Trace, kind: str, name: str) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    (site,) = trace.sites_of(kind)
    parts = [w.fields[name] for w in trace.windows(site.name)]
    return np.max(parts, axis=0) if name == "logit_absmax" else np.sum(parts, axis=0)


def test_ranks_combined_are_one_process(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
    (alone,) = run(script, tmp_path / "one", [])
    torchrun = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", port]
    files = run(script, tmp_path / "two", torchrun)
    assert len(files) == 2
    out = tmp_path / "all.sqlite"
    assert main(["combine", *map(str, files), "-o", str(out)]) == 0
    one, two = run_file.read(alone), relume.load(out).trace()
    half = run_file.read(files[0])
    for kind, name in (("attention", "attended"), ("router", "top")):
        assert summed(one, kind, name).tolist() == summed(two, kind, name).tolist(), name
        assert summed(half, kind, name).sum() * 2 == summed(one, kind, name).sum(), name
    for name in ("entropy_sum", "first_sum", "logit_absmax"):
        whole, both = summed(one, "attention", name), summed(two, "attention", name)
        assert np.allclose(whole, both, rtol=1e-5), name
        assert not np.allclose(whole, summed(half, "attention", name), rtol=1e-3), name
