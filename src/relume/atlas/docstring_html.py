"""Turns a docstring into HTML: paragraphs, code, lists; all other text is escaped."""

import re
from html import escape

_CODE = re.compile(r"``?([^`]+)``?")
_ITEM = re.compile(r"^[-*] ", re.MULTILINE)


def prose(text: str) -> str:
    """Return a docstring's paragraphs and lists as HTML."""
    blocks = [block.strip("\n") for block in re.split(r"\n\s*\n", text.strip())]
    return "\n".join(_block(block) for block in blocks if block.strip())


def line(text: str) -> str:
    """Return one line as HTML: backticks become code, the rest is escaped."""
    return _CODE.sub(lambda match: f"<code>{match[1]}</code>", escape(text, quote=False))


def sections(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the text before the first ``## heading``, and the sections after it, as HTML."""
    head, *rest = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return prose(head), [(h, prose(b)) for h, b in zip(rest[::2], rest[1::2], strict=True)]


def _block(block: str) -> str:
    if all(row.startswith("    ") for row in block.splitlines()):
        return f"<pre>{escape(block, quote=False)}</pre>"
    if _ITEM.match(block):
        items = [" ".join(item.split()) for item in _ITEM.split(block) if item.strip()]
        return f"<ul>{''.join(f'<li>{line(item)}</li>' for item in items)}</ul>"
    return f"<p>{line(' '.join(block.split()))}</p>"
