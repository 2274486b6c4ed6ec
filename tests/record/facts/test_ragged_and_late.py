"""What a run says of itself when a batch is smaller than the others, and a model comes late."""

import math
import subprocess
import sys
from pathlib import Path

import torch
from torch import nn

import relume


def test_the_chance_value_is_that_of_a_usual_batch(tmp_path: Path) -> None:
    """A sum over all pixels, divided by the rows: the last batch of an epoch has five."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 12))
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    with relume.watch(model, every=1, path=tmp_path / "run.sqlite") as run:
        for rows in (64, 64, 64, 64, 64, 5):
            x, y = torch.randn(rows, 8), (torch.rand(rows, 12) < 0.5).float()
            loss = nn.functional.binary_cross_entropy_with_logits(model(x), y, reduction="sum")
            optimizer.zero_grad()
            (loss / rows).backward()
            optimizer.step()
    (fact,) = run.trace().facts_of("criterion")
    assert math.isclose(fact.data["chance"], 12 * math.log(2), rel_tol=0.01)


SCRIPT = """
import torch
from torch import nn

torch.manual_seed(0)
maker = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
judge = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
first = torch.optim.Adam(judge.parameters(), 1e-3)
second = torch.optim.Adam(maker.parameters(), 1e-3)
loss = nn.BCEWithLogitsLoss()
yes, no = torch.ones(16, 1), torch.zeros(16, 1)
for _ in range(12):
    first.zero_grad()
    loss(judge(torch.randn(16, 2)), yes).backward()  # before the maker is called at all
    made = maker(torch.randn(16, 4))
    loss(judge(made.detach()), no).backward()
    first.step()
    second.zero_grad()
    loss(judge(made), yes).backward()
    second.step()
"""


def test_a_model_keeps_the_names_that_were_written(tmp_path: Path) -> None:
    """It was alone until the second one came, and had no prefix: it is not named twice."""
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    words = ["run", "--isolated", "--exit-zero", "--every", "1", "--dir", str(tmp_path)]
    command = [sys.executable, "-m", "relume", *words, str(script)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.glob("*.sqlite")
    run = relume.load(path)
    trace = run.trace()
    names = {site.name for site in trace.sites_of("parameter")}
    assert names == {
        *(f"{at}.{kind}" for at in (0, 2) for kind in ("weight", "bias")),
        *(f"maker.{at}.{kind}" for at in (0, 2) for kind in ("weight", "bias")),
    }
    assert "ACT603" not in {f.code for f in run.diagnose().findings}
