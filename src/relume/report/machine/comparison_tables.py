"""Writes a comparison of acts as CSV, Markdown or LaTeX, with a paragraph for a paper."""

import csv
import io
from collections.abc import Callable, Mapping
from typing import Any

from relume.core.trial import Arm, ArmSummary, Trial, Verdict
from relume.report.words.compared_word import compared_word

COLUMNS = (
    "act",
    "factor",
    "against",
    "mean",
    "low",
    "high",
    "difference",
    "difference low",
    "difference high",
    "p (Holm)",
    "wins",
    "pairs",
    "broken",
    "verdict",
    "least effect",
    "visible effect",
    "power",
    "parameters",
    "ms a step",
)


def rows(trial: Trial) -> list[dict[str, Any]]:
    """Return a row for each arm under `COLUMNS`, then its held-out numbers; None where unknown."""
    return [
        _row(trial, arm, trial.standing(arm.name), trial.verdict(arm.name)) for arm in trial.arms
    ]


def _row(
    trial: Trial, arm: Arm, summary: ArmSummary | None, verdict: Verdict | None
) -> dict[str, Any]:
    factor = trial.meta.get("factors", {}).get(arm.name, {})
    effect = verdict.effect if verdict is not None else None
    step = None if summary is None else summary.step_seconds
    values = (
        arm.text or arm.name,
        factor.get("factor"),
        factor.get("against"),
        *((summary.mean, summary.low, summary.high) if summary else (None,) * 3),
        *((effect.mean, effect.low, effect.high, effect.p_holm) if effect else (None,) * 4),
        *((effect.wins, effect.pairs) if effect else (None,) * 2),
        summary.broken if summary else None,
        compared_word(verdict.word) if verdict else None,
        verdict.least if verdict else None,
        verdict.visible if verdict else None,
        verdict.power if verdict else None,
        summary.parameters if summary else None,
        None if step is None else 1000 * step,
    )
    held = dict(summary.held_out) if summary else {}
    return dict(zip(COLUMNS, values, strict=True)) | held


def csv_table(trial: Trial) -> str:
    """Return the comparison as comma-separated values, numbers in full."""
    made = rows(trial)
    stream = io.StringIO()
    names = dict.fromkeys(name for row in made for name in row)
    writer = csv.DictWriter(stream, list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _safe(value) for name, value in row.items()} for row in made)
    return stream.getvalue()


def _safe(value: Any) -> Any:
    """Keep a text of the user's from being run as a formula by a spreadsheet."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t" else value


def markdown(trial: Trial) -> str:
    """Return the comparison as a Markdown table and a paragraph."""
    head, body = cells(trial)
    lines = [head, ["---"] * len(head), *body]
    table = "\n".join(f"| {' | '.join(_escape(cell, '|') for cell in line)} |" for line in lines)
    return f"{table}\n\n{paragraph(trial)}\n"


def latex(trial: Trial) -> str:
    """Return the comparison as a LaTeX table (package booktabs) and a paragraph."""
    head, body = cells(trial)
    lines = [" & ".join(_escape(cell, TEX) for cell in line) + r" \\" for line in (head, *body)]
    table = "\n".join((lines[0], r"\midrule", *lines[1:]))
    return (
        "\\begin{tabular}{l"
        + "r" * (len(head) - 2)
        + "l}\n\\toprule\n"
        + table
        + "\n\\bottomrule\n\\end{tabular}\n\n"
        + _escape(paragraph(trial), TEX)
        + "\n"
    )


TEX: Mapping[str, str] = {
    "\\": r"\textbackslash{}",
    **{char: f"\\{char}" for char in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def _escape(text: str, special: str | Mapping[str, str]) -> str:
    if isinstance(special, str):
        return text.replace("\n", " ").replace(special, f"\\{special}")
    return "".join(special.get(char, char) for char in text.replace("\n", " "))


def cells(trial: Trial) -> tuple[list[str], list[list[str]]]:
    """Return the head and the rows of the table, as texts."""
    held = list(dict.fromkeys(name for one in trial.standings for name in one.held_out))[:2]
    head = ["act", f"{trial.objective.name} (95 % interval)", "difference", "due to", *held]
    head += ["shows in 80 %", "power", "parameters", "ms a step", "verdict"]
    body = [
        [
            str(row["act"]),
            _interval(row["mean"], row["low"], row["high"]),
            _interval(row["difference"], row["difference low"], row["difference high"]),
            str(row["factor"] or ""),
            *(_number(row.get(name)) for name in held),
            _number(row["visible effect"]),
            "" if row["power"] is None else f"{row['power']:.2f}",
            "" if row["parameters"] is None else str(row["parameters"]),
            _number(row["ms a step"]),
            str(row["verdict"] or ""),
        ]
        for row in rows(trial)
    ]
    return head, body


def _interval(mean: float | None, low: float | None, high: float | None) -> str:
    if mean is None or low is None or high is None:
        return ""
    return f"{mean:.3g} ({low:.3g} to {high:.3g})"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def paragraph(trial: Trial) -> str:
    """Return what a paper has to say of the method and of the power, with this trial's numbers."""
    meta = trial.meta
    better = "lower" if trial.objective.better == "min" else "higher"
    tunings = int(meta.get("tunings", 0))
    rate = (
        f"The learning rate was tuned for every arm alike ({tunings} tries each on other seeds)."
        if tunings
        else "All arms had the learning rate of the original program."
    )
    judged = [v for v in trial.verdicts if v.effect is not None]
    seen = max((v.visible for v in judged if v.visible is not None), default=None)
    least = max((v.least for v in judged if v.least is not None), default=None)
    power = ""
    if seen is not None and least is not None:
        power = (
            f" A difference of {seen:.3g} would have been found with a chance of 80 % at least; "
            f"differences below {least:.3g} were not counted. The power is the chance to find a "
            "difference of that size, by both tests."
        )
    names = {arm.name: arm.text or arm.name for arm in trial.arms}
    control = names.get(str(meta.get("control", "")), "the original program")
    return (
        f"Activation functions in the hidden layers were compared by {trial.objective.name} "
        f"({better} is better) over {meta.get('seeds', 0)} paired seeds: runs of one seed share "
        "the order of the data and all other random numbers. Each arm draws the layers before the "
        f"changed functions anew at the function's gain; arms are compared with {control}, which "
        f"separates the function from the initialisation. {rate} Tests are paired t-tests, "
        "two-sided, with Holm's correction, and a gain must also pass a sign test; runs that break "
        f"down are counted by Fisher's exact test.{power} relume {meta.get('relume', '')}, torch "
        f"{meta.get('torch', '')}."
    )


FORMS: Mapping[str, Callable[[Trial], str]] = {
    "csv": csv_table,
    "markdown": markdown,
    "latex": latex,
}
