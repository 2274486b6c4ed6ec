"""ACT503 saturated-attention: heads whose scores are so large that each row attends to one key.

## What it does
Finds heads of attention with both a large score and next to no entropy, from the start or grown,
whether the softmax is written out or inside `scaled_dot_product_attention`.

## Why it hurts
A softmax that gives one key everything has a slope of nearly zero: query and key get no gradient
and stay as they are, so the row keeps looking at a key that chance picked. Where scores grow they
end in spikes of the loss, and in half precision in NaN.

## How it is measured
Of each head, on sampled rows of every record: the largest abs score (q.k times its scale, before a
bias or mask) and the mean entropy of the weights over ln of the keys that a row may see (rows with
fewer than four are left out). A head is saturated with an entropy below 0.2 and a score above 50,
and is named if it was so at the first record or its largest score has at least doubled since. A
note; a warning where a score is above 100, at which QK-clip acts (Kimi K2); an error where half of
the heads are so. Last two windows or more, with 64 rows. The 0.2 has no source: Zhai et al. show
that training falls apart as the entropy goes to zero. Of 40 healthy transformers, half of them held
out (`benchmarks/attention.py`), none of the 20 with a rate of 1e-3 came near (scores to 21); of the
20 with 5e-3, which learn as well, six have heads beyond both limits, and get the note that a
symptom has in a run that learns.

## Known false alarms
A head that looks at the token before, and does nothing else, has no entropy, and is healthy; where
its scores are above 50 too, the note is wrong. Weight on the first token (a sink) is no fault and
is not judged.

## Fixes and their safety
Scores over the root of the head's size, where they were not; QK-norm (both retrain); QK-clip, which
caps weights as they grow; a softcap of 50. A warm-up or a lower rate where scores grew in training.

## References
Zhai et al., "Stabilizing transformer training by preventing attention entropy collapse", ICML
2023, arXiv:2303.06296. Dehghani et al., "Scaling vision transformers to 22 billion parameters",
2023, arXiv:2302.05442 (QK-norm). Kimi team, "Kimi K2", 2025, arXiv:2507.20534 (QK-clip at 100).
Vaswani et al., 2017, arXiv:1706.03762 (the root of the size).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from relume.core import Evidence, Result, Severity, Site, Trace, Value, Window
from relume.rules.page import page
from relume.rules.series_tools import curve, last_step, number
from relume.rules.unit_windows import fewest_last, highest, total

if TYPE_CHECKING:
    from relume.core import Floats

PAGE = page(__doc__)

ENTROPY = 0.2  # of ln(keys); ours, between healthy heads and one-hot rows (see the page)
SCORE, SCORE_WARNING = 50.0, 100.0  # the softcap of Gemma 2, and where QK-clip acts
MANY = 0.5  # of the heads: then a layer has lost what attention is for (reasoned)
GROWN = 2.0  # times its first value: the largest of a sample varies by less (reasoned)
LEAST_ROWS = 64  # of a head: a mean entropy is then known to within 0.06 (it is at most 1)
FAR_FROM_ROOT = 2.0  # times 1 / root of the size: a scale beyond was not meant so (reasoned)


@dataclass(frozen=True)
class Heads:
    """Every head of one attention over some windows: rows, mean entropy, largest score."""

    rows: "Floats"
    entropy: "Floats"
    score: "Floats"


def check(trace: Trace) -> Iterator[Result]:
    """One finding for each attention with saturated heads."""
    sites = trace.sites_of("attention")
    if not sites:
        yield PAGE.clean("no attention whose query and key were seen", applies=False)
        return
    highest_score, seen, found = 0.0, 0, False
    for site in sites:
        windows = [w for w in trace.windows(site.name) if "attended" in w.fields]
        part = fewest_last(windows, lambda last: _rows(last) >= LEAST_ROWS)
        heads = _heads(part)
        if heads is None or float(heads.rows.max()) < LEAST_ROWS:
            rows = 0 if heads is None else int(heads.rows.max())
            reason = f"only {rows} rows of a head that see at least four keys were looked at"
            yield PAGE.missing(reason, "train for more steps, or on longer sequences", site.name)
            continue
        seen += 1
        first = _heads(windows[:1]) or heads
        bad = _saturated(heads) & (_saturated(first) | (heads.score >= GROWN * first.score))
        if bad.any():
            found = True
            yield _finding(trace, site, part, heads, first, bad)
        else:
            low = heads.entropy < ENTROPY
            highest_score = max(highest_score, float(heads.score[low].max(initial=0.0)))
    if seen and not found:
        text = f"no head with an entropy below {ENTROPY:g} has a score above {SCORE:g}"
        yield PAGE.clean(text, highest_score / SCORE)


def _rows(windows: Sequence[Window]) -> float:
    """The rows of the head of which most were looked at."""
    rows = total(windows, "attended")
    return 0.0 if rows is None else float(rows.max(initial=0))


def _heads(windows: Sequence[Window]) -> Heads | None:
    rows, entropy = total(windows, "attended"), total(windows, "entropy_sum")
    score = highest(windows, "logit_absmax")
    if rows is None or entropy is None or score is None or not len(rows):
        return None
    mean = np.where(rows > 0, entropy / np.maximum(rows, 1), 1.0)
    return Heads(rows, mean, np.nan_to_num(score))


def _saturated(heads: Heads) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    return (heads.entropy < ENTROPY) & (heads.score > SCORE)


def _finding(
    trace: Trace,
    site: Site,
    windows: Sequence[Window],
    heads: Heads,
    first: Heads,
    bad: "np.ndarray[tuple[int], np.dtype[np.bool_]]",
) -> Result:
    score = float(heads.score[bad].max())
    severity = Severity.NOTE
    if score > SCORE_WARNING:
        many = float((bad & (heads.score > SCORE_WARNING)).mean()) >= MANY
        severity = Severity.ERROR if many else Severity.WARNING
    born = bool(_saturated(first)[bad].any())
    begin = float(first.score[bad].max())
    text = (
        "in {heads} of {of} heads of {place} each row attends to one key, so query and key get "
        "next to no gradient. Their scores reach {value:.3g}, their entropy {entropy:.0%} of the "
        "largest. "
    )
    text += "It was so from the start" if born else "The scores began at {begin:.3g}"
    more: dict[str, Value] = {
        "heads": int(bad.sum()),
        "of": len(bad),
        "entropy": float(heads.entropy[bad].mean()),
        "begin": begin,
        "born": born,
        "head": int(np.flatnonzero(bad)[np.argmax(heads.score[bad])]),
    }
    forms = trace.facts_at("attention", site.name)
    form: Mapping[str, Value] = forms[0].data if forms else {}
    scale, size = number(form.get("scale")), number(form.get("size"))
    if scale is not None and size:
        more |= {"scale": scale, "size": int(size)}
    steps = (windows[0].first if not born else trace.windows(site.name)[0].first, last_step(trace))
    evidence = Evidence(
        "logit_absmax",
        score,
        SCORE,
        int(heads.rows.max()),
        more,
        curve(trace.series(site.name, "logit_absmax")),
    )
    return PAGE.finding(site, severity, steps, text, evidence, cure=_cure(site, scale, size, born))


def _cure(site: Site, scale: float | None, size: float | None, born: bool) -> str:
    if scale is not None and size and abs(scale) > FAR_FROM_ROOT * size**-0.5:
        return (
            f"multiply the scores by 1 / sqrt({int(size)}) = {size**-0.5:.3g}, not by {scale:.3g}"
        )
    layer = site.layer or "the layers of query and key"
    if born:
        return f"a smaller initialisation of {layer}, or a norm of query and key (QK-norm)"
    return "a norm of query and key (QK-norm), or a warm-up of the learning rate"


RULE = PAGE.rule(
    check,
    severities=("note", "warning", "error"),
    explains=("ACT601", "ACT603", "ACT606", "ACT908"),
)
