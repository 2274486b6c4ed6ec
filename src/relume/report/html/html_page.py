"""Makes one self-contained HTML file: bundle, styles, data, and a policy that allows nothing else.

All text from the user's program is in one block of JSON that holds no character with a meaning in
HTML; the bundle puts it into the page as text.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from relume.report.words.sanitise import prose, shorten

START = (
    'relume.mount(document.getElementById("page"),'
    'JSON.parse(document.getElementById("data").textContent));'
)
# `<` ends a script block, `&` begins an entity, U+2028 ends a line of JavaScript; the last is
# escaped by ensure_ascii with all that is not ASCII
_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def html(data: Mapping[str, Any], *, title: str, summary: str = "", live: bool = False) -> str:
    """Return the page that draws `data`; its `kind` names the drawing.

    Args:
        data: what `relume.mount` takes; numbers that JSON cannot hold must be words already.
        title: of the document.
        summary: what the page says where scripts are off.
        live: the page may ask its own server, and no other, for newer data.
    """
    from relume import __version__

    css, js = asset("relume.css"), asset("relume.js")
    policy = [
        "default-src 'none'",
        f"script-src {_hashed(js)} {_hashed(START)}",
        f"style-src {_hashed(css)}",
        "base-uri 'none'",
        "form-action 'none'",
        *(["connect-src 'self'"] if live else []),
    ]
    return _template().render(
        policy="; ".join(policy),
        version=__version__,
        title=shorten(prose(title)),
        summary=prose(summary),
        css=css,
        js=js,
        start=START,
        data=inline(data),
    )


def inline(data: Mapping[str, Any]) -> str:
    """Return JSON for the inside of a script element: ASCII without a character of HTML's own.

    >>> inline({"name": "</script>\\u2028"})
    '{"name":"\\\\u003c/script\\\\u003e\\\\u2028"}'
    """
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.translate(_ESCAPES)


@cache
def asset(name: str) -> str:
    """Return a file of the bundle, its line ends as newlines: its hash must fit the page."""
    return files("relume").joinpath("web", name).read_text("utf-8").replace("\r\n", "\n")


def _hashed(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


@cache
def _template() -> Any:
    loader = PackageLoader("relume.report.html")
    return Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    ).get_template("page.html")
