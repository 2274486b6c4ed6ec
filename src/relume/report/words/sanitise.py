"""Makes words and numbers safe to show in a terminal or a page.

Names, paths and messages come from the user's program: they are data, never markup and never
control sequences. A character that could move the cursor, reverse the line or break it is shown
as its escape; one that the stream's encoding cannot carry is shown in ASCII.
"""

import math
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

LONGEST = 120
"""Characters of the longest name shown whole: two lines of a usual terminal hold it."""

_PLAIN = str.maketrans(
    {
        "…": "..",
        "−": "-",
        "–": "-",
        "—": "-",
        "×": "x",
        "·": "-",
        "•": "*",
        "→": "->",
        "≤": "<=",
        "≥": ">=",
        "≈": "~",
        "‘": "'",
        "’": "'",
        "“": '"',
        "”": '"',
        "\u00a0": " ",
        "±": "+-",
        "√": "sqrt",
        "∞": "inf",
        "λ": "lambda",
        "ν": "nu",
        "σ": "sigma",
        "∂": "d",
    }
)
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_SHORT_ESCAPES = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def clean(text: object) -> str:
    """Return `text` on one line, every control, format and unassigned character as its escape.

    >>> clean("a\\x1b[31m\\nb\\u202e")
    'a\\\\x1b[31m\\\\nb\\\\u202e'
    """
    plain = str(text)
    if plain.isascii() and plain.isprintable():
        return plain
    return "".join(_visible(char) for char in plain)


def _visible(char: str) -> str:
    if unicodedata.category(char) not in _HIDDEN:
        return char
    if char in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[char]
    code = ord(char)
    return (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )


def prose(text: object) -> str:
    """Return text that may wrap: runs of white space become one space, the rest is clean."""
    return clean(" ".join(str(text).split()))


def sentence(text: object) -> str:
    """Return prose with a capital and a full stop, where it begins and ends with a word.

    >>> sentence("lower the learning rate"), sentence("net.1 is dead!"), sentence("z drifts")
    ('Lower the learning rate.', 'net.1 is dead!', 'z drifts.')
    """
    words = prose(text)
    first = words.split(" ", 1)[0].replace("-", "")
    if first.isalpha() and first.islower() and (len(first) > 1 or first == "a"):
        words = words[0].upper() + words[1:]
    return words + "." if words and (words[-1].isalnum() or words[-1] in ")]%'\"`") else words


def first_sentence(text: str) -> tuple[str, str]:
    """Return the first sentence and the rest; a number or a name does not end one.

    >>> first_sentence("It moves 0.09 % a step. So it learns."), first_sentence("net.1 is dead")
    (('It moves 0.09 % a step.', 'So it learns.'), ('net.1 is dead', ''))
    """
    for at, (mark, after, next_one) in enumerate(zip(text, text[1:], text[2:], strict=False)):
        if mark == "." and after == " " and not next_one.islower():
            return text[: at + 1], text[at + 2 :]
    return text, ""


def fold(text: str, encoding: str) -> str:
    """Return `text` with every character that `encoding` cannot carry replaced by ASCII.

    >>> fold("2 × 3 ≤ 7 é", "ascii")
    '2 x 3 <= 7 \\\\xe9'
    """
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, "backslashreplace").decode(encoding)
    except LookupError:  # an encoding that Python does not know: only ASCII is safe
        return fold(text, "ascii")
    return text


def shorten(text: str, longest: int = LONGEST) -> str:
    """Return `text`, or its two ends where it is too long: both identify a name.

    >>> shorten("encoder.layers.weight", 13)
    'encode...ight'
    """
    if len(text) <= longest:
        return text
    tail = (longest - 3) // 2
    return f"{text[: longest - 3 - tail + 1]}...{text[len(text) - tail + 1 :]}"


def name(text: object, longest: int = LONGEST) -> str:
    """Return a name from the user's program, safe to show."""
    raw = str(text)
    return shorten(clean(shorten(raw, 4 * longest)), longest)


def number(value: float) -> str:
    """Return a number as a person writes it: three significant digits, or all of a whole one.

    >>> [number(x) for x in (0.5234, 0.99992, 30000, 1.5e-7, 123456.7, float("inf"))]
    ['0.523', '0.99992', '30,000', '1.5e-7', '1.23e5', 'inf']
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not math.isfinite(value):
        return str(float(value))
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    digits = f"{value:.3g}"
    if abs(float(digits)) == 1 and abs(value) < 1:  # 0.9999 against a limit of 0.999 is not 1
        return f"{value:.6g}"
    if "e" in digits:
        mantissa, exponent = digits.split("e")
        if int(exponent) == 3:  # 1.23e+03 is how :.3g writes 1,234.5
            return f"{value:,.0f}"
        return f"{mantissa}e{int(exponent)}"
    return digits


def share(value: float) -> str:
    """Return a share as a percentage: ``0.83 %``."""
    return f"{number(100 * value)} %"


def span(steps: tuple[int, int]) -> str:
    """Return the steps for which something holds, in words."""
    first, last = steps
    return f"step {first:,}" if first == last else f"steps {first:,} to {last:,}"


def duration(seconds: float) -> str:
    """Return seconds in words: ``850 ms``, ``12.3 s``, ``4 min 05 s``, ``2 h 10 min``."""
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def join_names(names: Sequence[str], most: int = 6) -> str:
    """Return names with commas, the ones beyond `most` as a number."""
    safe = [name(item, 60) for item in names[:most]]
    return ", ".join(safe) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def place(file: str, line: int) -> str:
    """Return ``file:line``, relative if it is below the working directory; empty if not known."""
    if not file:
        return ""
    path = Path(file)
    with suppress(ValueError, OSError):  # elsewhere, or a working directory that is gone
        path = path.relative_to(Path.cwd()) if path.is_absolute() else path
    safe = name(path)
    return f"{safe}:{line}" if line else safe


def source(file: str, line: int) -> str:
    """Return the line of source without its indentation; empty where it cannot be read."""
    if not file or line < 1:
        return ""
    try:
        if not Path(file).is_file():  # a trace may name a device or a pipe: never open those
            return ""
        with Path(file).open(encoding="utf-8", errors="replace") as lines:
            text = next((text for at, text in enumerate(lines, 1) if at == line), "")
    except (OSError, ValueError):
        return ""
    return shorten(clean(text.strip()), 2 * LONGEST)
