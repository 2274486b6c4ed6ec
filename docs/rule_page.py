"""A rule's page of the site: its text, its bad and its good code, and what is near it."""

import json
import re
from functools import cache

from rule_code import MESSAGES, changed, path_of, scripts

from relume.atlas.lesson import about
from relume.diagnosis import all_rules
from relume.fixes.ladder import all_fixes
from relume.report.rule_pages.pages import PageText, rules


@cache
def names() -> dict[str, str]:
    """The names of the rules by their codes."""
    return {rule.code: rule.name for rule in rules()}


def rule_page(rule: PageText) -> str:
    """The page in the order in which it is read: what, bad, said, good, then the details."""
    parts = dict(_sections(rule.text))
    order = ["What it does", "Why it hurts", "Bad code", "Good code", "Fixes and their safety"]
    parts |= dict(_code(rule.name))
    order += [title for title in parts if title not in order]
    body = [f"## {title}\n\n{parts[title].strip()}\n" for title in order if title in parts]
    head = f"# {rule.code} {rule.name}\n\n**{rule.summary[0].upper()}{rule.summary[1:]}**\n"
    return "\n".join([head, *body, *_near(rule)])


def _sections(text: str) -> list[tuple[str, str]]:
    pieces = re.split(r"^## (.+)$", text.replace("``", "`"), flags=re.MULTILINE)
    return list(zip(pieces[1::2], pieces[2::2], strict=True))


def _code(rule: str) -> list[tuple[str, str]]:
    if not path_of(rule).exists():
        return []
    bad, good = scripts(rule)
    said = json.loads(MESSAGES.read_text("utf-8")).get(rule, "")
    command = "python train.py" if "relume.check(" in bad else "relume run train.py"
    bad_part = f"{_block(bad, rule, 'bad')}\n`{command}` says:\n\n{_message(said)}"
    return [("Bad code", bad_part), ("Good code", _block(good, rule, "good"))]


def _block(script: str, rule: str, kind: str) -> str:
    lines = " ".join(map(str, changed(rule, kind)))
    marked = f' hl_lines="{lines}"' if lines else ""
    return f'```python title="train.py"{marked}\n{script}```\n'


def _message(said: str) -> str:
    return "```{.text .said}\n" + said + "\n```\n"


def _near(rule: PageText) -> list[str]:
    """Links to the fixes, the lessons and the rules that it explains or is explained by."""
    known = {one.code: one for one in all_rules()}
    one = known[rule.code]
    cures = sorted(
        (fix for fix in all_fixes() if rule.code in fix.rungs), key=lambda f: f.rungs[rule.code]
    )
    effects = sorted(set(one.explains) & set(known))
    causes = sorted(code for code, other in known.items() if rule.code in other.explains)
    rows = [
        ("Cures, in the order in which they are tried", [_fix(fix.name) for fix in cures]),
        ("Lessons", [f"[{t.title}](../lessons/{t.name}.md)" for t in about("rules", rule.name)]),
        ("It can be the cause of", [_rule(code) for code in effects]),
        ("It can be a symptom of", [_rule(code) for code in causes]),
    ]
    lines = [f"- {label}: {', '.join(links)}." for label, links in rows if links]
    return ["## See also\n", *lines, f"\n```sh\nrelume explain {rule.name}\n```\n"]


def _fix(name: str) -> str:
    return f"[{name}](../fixes/{name}.md)"


def _rule(code: str) -> str:
    return f"[{names()[code]}]({names()[code]}.md)"
