"""The first page of the site: a few words of its own, then the README."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

HERO = """\
---
title: relume
hide: [navigation, toc]
---

<div class="hero" markdown>

# Your network does not learn. relume says why.

It runs your PyTorch script unchanged, watches its activation functions, gradients and steps, and
names the cause, the line and the cure. Then it proves the cure.

[Five minutes](start.md){ .md-button .md-button--primary }
[A real report](example-report.md){ .md-button }


</div>

<div class="doors">
DOORS
</div>

"""
DOORS = {
    "guide/loss": ("My loss does not go down", "From what you see to the rule that measures it."),
    "rules": ("Rules", "Each with broken code, what relume says of it, and the cure."),
    "acts": ("Activation functions", "Formula, value and slope, exact where torch is not."),
    "the-atlas": ("The atlas", "A textbook whose figures move and are measured."),
}


def home() -> str:
    """The README below the first words, with its links as they are from here."""
    text = (ROOT / "README.md").read_text("utf-8")
    _, _, body = text.partition("<!-- site -->\n")
    body = re.sub(r"\]\(docs/", "](", body)
    body = re.sub(r"\[([^\]]*)\]\((?:examples/README\.md|LICENSE|SECURITY\.md)\)", r"`\1`", body)
    doors = "\n".join(
        f'<a href="{place}/{"index.html" * (place == "the-atlas")}"><b>{name}</b>'
        f"<span>{words}</span></a>"
        for place, (name, words) in DOORS.items()
    )
    return HERO.replace("DOORS", doors) + body.replace("](CHANGELOG.md)", "](changelog.md)")
