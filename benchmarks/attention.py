"""Scores and entropy of attention in healthy transformers, and under a dose of large scores.

Healthy: small language models on the sources of Python's standard library, and transformers on
scikit-learn's digits, of several widths, depths, heads, forms and seeds; every second one is held
out. Of each the head with the least entropy and the largest score, at the first record and over the
last windows. `--dose` multiplies the weights of query and key of the digits transformer.

    python benchmarks/attention.py --part tune   # or hold: the distribution
    python benchmarks/attention.py --dose [--figure docs/attention_dose.svg]
"""

import argparse
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

import relume
from relume.core import Trace

CONTEXT = 48
STEPS = 300


class Attention(nn.Module):
    def __init__(self, width: int, heads: int, form: str) -> None:
        super().__init__()
        self.heads, self.form = heads, form
        self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, *, causal: bool) -> Tensor:
        q, k, v = (
            f(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for f in (self.q, self.k, self.v)
        )
        if self.form == "fused":
            y = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        else:
            scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
            if causal:
                hidden = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
                scores = scores.masked_fill(hidden, -torch.inf)
            y = scores.softmax(-1) @ v
        return self.out(y.transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self, width: int, heads: int, form: str) -> None:
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(width), Attention(width, heads, form)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor, *, causal: bool) -> Tensor:
        x = x + self.attention(self.norm(x), causal=causal)
        return x + self.mlp(self.norm2(x))


class Language(nn.Module):
    def __init__(self, letters: int, width: int, depth: int, heads: int, form: str) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(letters, width), nn.Embedding(CONTEXT, width)
        self.blocks = nn.ModuleList(Block(width, heads, form) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, letters)

    def forward(self, x: Tensor) -> Tensor:
        h = self.tokens(x) + self.places(torch.arange(x.shape[1]))
        for block in self.blocks:
            h = block(h, causal=True)
        return self.head(self.norm(h))


class Digits(nn.Module):
    """Sixteen patches of four pixels, averaged at the end."""

    def __init__(self, width: int, depth: int, heads: int, form: str) -> None:
        super().__init__()
        self.patches, self.places = nn.Linear(4, width), nn.Parameter(torch.randn(16, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, heads, form) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        cut = x.reshape(-1, 4, 2, 4, 2).transpose(2, 3).reshape(-1, 16, 4)
        h = self.patches(cut) + self.places
        for block in self.blocks:
            h = block(h, causal=False)
        return self.head(self.norm(h).mean(1))


@dataclass(frozen=True)
class Made:
    model: nn.Module
    batch: Callable[[], tuple[Tensor, Tensor]]
    rate: float


def source() -> tuple[Tensor, int]:
    """The standard library's larger modules as numbers of letters."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    names = ("argparse.py", "inspect.py", "typing.py", "tarfile.py", "datetime.py", "pickle.py")
    text = "".join((folder / n).read_text(encoding="utf-8") for n in names if (folder / n).exists())
    letters = sorted(set(text))
    number = {letter: i for i, letter in enumerate(letters)}
    return torch.tensor([number[letter] for letter in text]), len(letters)


def language(width: int, depth: int, heads: int, form: str, rate: float) -> Made:
    data, letters = source()
    ahead = torch.arange(CONTEXT + 1)

    def batch() -> tuple[Tensor, Tensor]:
        rows = data[torch.randint(len(data) - CONTEXT - 1, (24, 1)) + ahead]
        return rows[:, :-1], rows[:, 1:]

    return Made(Language(letters, width, depth, heads, form), batch, rate)


def digits(width: int, depth: int, heads: int, form: str, rate: float) -> Made:
    found: Any = load_digits(return_X_y=True)
    x, y = found
    pictures, labels = torch.tensor(x, dtype=torch.float32) / 16, torch.tensor(y)

    def batch() -> tuple[Tensor, Tensor]:
        at = torch.randint(len(pictures), (64,))
        return pictures[at], labels[at]

    return Made(Digits(width, depth, heads, form), batch, rate)


def train(
    make: Callable[[], Made], seed: int, steps: int, dose: float = 1.0
) -> tuple[Trace, float]:
    """One recorded training, and the mean of its last losses."""
    torch.manual_seed(seed)
    made = make()
    with torch.no_grad():
        for part in made.model.modules():
            if isinstance(part, Attention):
                part.q.weight *= dose
                part.k.weight *= dose
    optimizer = torch.optim.AdamW(made.model.parameters(), lr=made.rate)
    losses: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        with relume.watch(made.model, path=Path(folder) / "run", every=5) as run:
            for _ in range(steps):
                x, y = made.batch()
                loss = F.cross_entropy(made.model(x).flatten(0, -2), y.flatten())
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
        return run.trace(), float(np.mean(losses[-20:]))


def heads(trace: Trace) -> Iterator[tuple[float, float, float, float, float]]:
    """Of each head: entropy and largest score at first, and over the last windows; first share."""
    for site in trace.sites_of("attention"):
        windows = trace.windows(site.name)
        begin, last = windows[0].fields, [w.fields for w in windows[-2:]]
        rows = np.sum([w["attended"] for w in last], axis=0)
        for head in range(site.units):
            yield (
                begin["entropy_sum"][head] / begin["attended"][head],
                begin["logit_absmax"][head],
                float(sum(w["entropy_sum"][head] for w in last) / rows[head]),
                max(w["logit_absmax"][head] for w in last),
                float(sum(w["first_sum"][head] for w in last) / rows[head]),
            )


SIZES = ((32, 1, 2), (32, 2, 4), (64, 2, 2), (64, 3, 4), (96, 2, 6))
RATES = (1e-3, 5e-3)


def healthy() -> list[tuple[str, Callable[[], Made], int]]:
    found: list[tuple[str, Callable[[], Made], int]] = []
    for place, (kind, make) in enumerate((("language", language), ("digits", digits))):
        for number, (width, depth, count) in enumerate(SIZES):
            for seed in range(4):
                form = ("fused", "written")[(number + seed + place) % 2]
                rate = RATES[seed // 2]

                def each(
                    make: Callable[..., Made] = make,
                    arguments: tuple[object, ...] = (width, depth, count, form, rate),
                ) -> Made:
                    return make(*arguments)

                found.append((f"{kind} {width}x{depth}h{count} {form} {rate:g}", each, seed))
    return found


def distribution(part: str) -> None:
    some = {"tune": healthy()[::2], "hold": healthy()[1::2]}[part]
    rows: list[tuple[float, ...]] = []
    print("least entropy and largest score of a head, first and last; share on the first token")
    for name, make, seed in some:
        trace, loss = train(make, seed, STEPS)
        every = list(heads(trace))
        rows += every
        one = np.array(every)
        print(
            f"{name:32} seed {seed} loss {loss:6.3f}",
            f"| {one[:, 0].min():.2f} {one[:, 1].max():6.1f}",
            f"| {one[:, 2].min():.2f} {one[:, 3].max():6.1f} | {one[:, 4].max():.2f}",
            flush=True,
        )
    table = np.array(rows)
    print(f"{len(some)} trainings, {len(table)} heads")
    for name, column, ranks in (
        ("entropy at first", 0, (0, 1, 5, 50)),
        ("entropy at last", 2, (0, 1, 5, 50)),
        ("largest score at first", 1, (50, 95, 99, 100)),
        ("largest score at last", 3, (50, 95, 99, 100)),
        ("share on the first", 4, (50, 95, 99, 100)),
    ):
        cut = np.percentile(table[:, column], ranks)
        print(f"{name:24}", "  ".join(f"{r} %: {v:.3g}" for r, v in zip(ranks, cut, strict=True)))


DOSES = (1.0, 3.0, 6.0, 10.0, 30.0)


def doses(figure: Path | None) -> None:
    """Query and key of the digits transformer times each dose: medians over three seeds."""
    rows: list[tuple[float, float, float, float]] = []
    print(" dose  score at first  entropy at first  loss at the end")
    for dose in DOSES:
        found: list[tuple[float, float, float]] = []
        for seed in range(3):
            trace, loss = train(lambda: digits(32, 2, 4, "fused", 1e-3), seed, STEPS, dose)
            one = np.array(list(heads(trace)))
            found.append((float(one[:, 1].max()), float(one[:, 0].mean()), loss))
        score, entropy, loss = np.median(np.array(found), axis=0).tolist()
        rows.append((dose, score, entropy, loss))
        print(f"{dose:5g} {score:15.1f} {entropy:17.2f} {loss:16.3f}", flush=True)
    if figure is not None:
        figure.write_text(drawn(rows), encoding="utf-8")


def drawn(rows: list[tuple[float, float, float, float]]) -> str:
    """Entropy and loss over the largest score at the start, as an SVG picture."""
    wide, high, edge = 560, 260, 56
    logs = [np.log10(score) for _, score, _, _ in rows]
    low, top = min(logs), max(logs)
    most = max(loss for *_, loss in rows) * 1.1

    def x(score: float) -> float:
        return edge + (np.log10(score) - low) / (top - low) * (wide - 2 * edge)

    def y(share: float) -> float:
        return high - edge + 12 - share * (high - 2 * edge + 24)

    def line(values: list[float], colour: str, dash: str) -> str:
        at = [(f"{x(s):.1f}", f"{y(v):.1f}") for (_, s, _, _), v in zip(rows, values, strict=True)]
        points = " ".join(",".join(pair) for pair in at)
        dots = "".join(f'<circle cx="{a}" cy="{b}" r="3" fill="{colour}"/>' for a, b in at)
        pen = f'fill="none" stroke="{colour}" stroke-width="2" {dash}'
        return f'<polyline points="{points}" {pen}/>{dots}'

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" role="img" '
        'font-family="sans-serif" font-size="12">',
        "<title>Entropy of attention and loss over the largest score at the start</title>",
        f'<rect width="{wide}" height="{high}" fill="#ffffff"/>',
        line([entropy for _, _, entropy, _ in rows], "#0072b2", ""),
        line([loss / most for *_, loss in rows], "#d55e00", 'stroke-dasharray="6 3"'),
        f'<path d="M{edge},{y(0):.1f}H{wide - edge}" stroke="#555"/>',
    ]
    below, middle = y(0) + 18, 'text-anchor="middle"'
    for _, score, _, _ in rows:
        parts.append(f'<text x="{x(score):.1f}" y="{below:.1f}" {middle}>{score:.3g}</text>')
    parts += [
        f'<text x="{wide / 2}" y="{high - 8}" {middle}>largest score at the start</text>',
        f'<text x="{edge}" y="18" fill="#0072b2">entropy (the top is 1)</text>',
        f'<text x="{wide - edge}" y="18" text-anchor="end" fill="#d55e00">'
        f"loss at the end, dashed (the top is {most:.2f})</text>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--part", default="tune", choices=("tune", "hold"))
    parser.add_argument("--dose", action="store_true", help="multiply query and key instead")
    parser.add_argument("--figure", type=Path, help="where to draw the doses")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.dose:
        doses(args.figure)
    else:
        distribution(args.part)


if __name__ == "__main__":
    main()
