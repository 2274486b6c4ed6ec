"""Draws a diagnosis in a notebook's cell: the findings and each root's evidence as HTML without a
script or a style sheet, in the notebook's own colours, light or dark."""

from html import escape

from relume.core import Diagnosis, Severity
from relume.report.notebook.evidence_chart import sketch
from relume.report.words.cause_tree import CauseBranch, cause_tree, verdict
from relume.report.words.sanitise import join_names, name, number, place, prose, sentence, span
from relume.report.words.source_location import message
from relume.report.words.suppressed_summary import tally

_COLOURS = {  # readable on white and on black
    Severity.ERROR: "#d9363e",
    Severity.WARNING: "#b8860b",
    Severity.NOTE: "#3a87ad",
    Severity.FACT: "#808080",
}
_SIGNS = {"sick": ("✗", "#d9363e"), "fine": ("✓", "#2e9e4f"), "unknown": ("?", "#b8860b")}


def cell(diagnosis: Diagnosis) -> str:
    """Return HTML: the verdict, each root cause with symptoms and first cure, the rest."""
    tree = cause_tree(diagnosis)
    kind, claim = verdict(diagnosis, tree)
    sign, colour = _SIGNS[kind]
    parts = [
        f'<p style="margin:0 0 .6em"><b style="color:{colour}">{sign} {_text(claim)}.</b> '
        f"{_text(diagnosis.outcome_sentence)}</p>",
        *(_root(branch) for branch in tree.roots),
    ]
    rest = {
        "worth knowing": [_line(branch) for branch in tree.notes],
        "checked and fine": [_text(f"{c.code} {c.name}: {c.text}") for c in diagnosis.checked],
        "not checked": [
            _text(f"{n.code} {n.name}{f' at {name(n.site)}' if n.site else ''}: {n.reason}")
            for n in diagnosis.not_checked
        ],
        tally(diagnosis.suppressed) or "silenced": [
            _text(f"{s.finding.code} {s.finding.name} {name(s.finding.site)}: {s.reason or s.by}")
            for s in diagnosis.suppressed
        ],
    }
    parts += [_folded(title, items) for title, items in rest.items() if items]
    return f'<div style="max-width:60em;line-height:1.45">{"".join(parts)}</div>'


def _root(branch: CauseBranch) -> str:
    finding = branch.finding
    colour = _COLOURS[finding.severity]
    where = place(finding.file, finding.line)
    facts = [finding.site and name(finding.site), where, span(finding.steps)]
    facts.append(f"{finding.evidence.stat} = {number(finding.evidence.value)}")
    below = [f"{f.code} {f.name} {name(f.site, 60)}".strip() for f in branch.everything()[1:]]
    rows = [
        f"<b>{_text(f'{finding.code} {finding.name}')}</b> "
        f'<span style="color:{colour}">{finding.severity}</span>',
        _text(sentence(message(finding))),
        f'<small style="opacity:.75">{_text(" · ".join(filter(None, facts)))}</small>',
    ]
    picture = sketch(finding, colour)
    if below:
        rows.append(f"which explains {_text(join_names(below))}")
    if finding.cure:
        rows.append(f"<b>Try first:</b> {_text(sentence(finding.cure))}")
    style = f"border-left:3px solid {colour};padding-left:.8em;margin:0 0 .8em"
    return f'<div style="{style}">{"<br/>".join(rows)}{picture}</div>'


def _line(branch: CauseBranch) -> str:
    finding = branch.finding
    return f"{_text(f'{finding.code} {finding.name}')}: {_text(message(finding))}"


def _folded(title: str, items: list[str]) -> str:
    rows = "".join(f"<li>{item}</li>" for item in items)
    return f"<details><summary>{_text(title)} ({len(items)})</summary><ul>{rows}</ul></details>"


def _text(words: object) -> str:
    return escape(prose(words), quote=True)
