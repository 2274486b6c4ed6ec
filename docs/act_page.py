"""An act's page of the site: what is known of it, and its value and slope as a picture."""

import inspect
import re

import torch
from docstring_page import markdown

import relume
from relume import acts
from relume.acts.act import Act
from relume.cards.build_card import curve
from relume.core import Card
from relume.report.act_chart_svg import svg

PANELS = (("0 36 388 360", "value"), ("372 36 388 360", "slope"))
"""The two halves of the chart, which a phone puts below each other."""


def act_page(act: Act) -> str:
    """What is known of an act before it is measured."""
    facts = {
        "formula": f"`f(z) = {act.formula}`",
        "family": act.family,
        "year": act.year or "",
        "reference": act.reference,
        "kink": act.kink,
        "parameters": ", ".join(f"`{k}={v}`" for k, v in act.defaults.items()) or "none",
    }
    known = {key: str(value).replace("|", "\\|") for key, value in facts.items() if value}
    head, *rows = [f"| {key} | {value} |" for key, value in known.items()]
    text = markdown(inspect.getdoc(getattr(acts, act.name, None)) or "")
    table = "\n".join([head, "|---|---|", *rows])
    command = f"```sh\nrelume card {act.name}\n```\n"
    return "\n\n".join([f"# {act.name}", _chart(act), table, text, command])


def _chart(act: Act) -> str:
    """The chart of its card, computed from the act itself, in the colours of the page."""
    points = curve(act)
    if not points.z:
        return "It works on a whole axis, so it has no curve of one number."
    known = (act.name, act.family, act.formula, act.year, act.reference, act.kink)
    versions = (torch.__version__, relume.__version__)
    drawn = svg([Card(*known, act.defaults, (), (), {}, *versions, {}, points)])
    body = re.sub(r"<style>.*?</style>", "", drawn, flags=re.DOTALL)
    halves = [_panel(body, box, f"{act.name}-{word}") for box, word in PANELS]
    return '<div class="curves">' + "".join(halves) + "</div>"


def _panel(drawn: str, box: str, name: str) -> str:
    part = re.sub(r' viewBox="[^"]*" width="\d+" height="\d+"', f' viewBox="{box}"', drawn, count=1)
    part = part.replace('aria-labelledby="title desc"', f'aria-labelledby="{name}-t {name}-d"')
    part = part.replace('id="title"', f'id="{name}-t"').replace('id="desc"', f'id="{name}-d"')
    return " ".join(part.split("\n"))
