"""Lets the Python reference read the section that relume's docstrings call ``Example:``."""

import re

from griffe import Extension, Object


class Examples(Extension):
    """Names the section as the reference's parser does."""

    def on_object(self, *, obj: Object, **_: object) -> None:
        if obj.docstring is not None:
            text = obj.docstring.value
            obj.docstring.value = re.sub(r"^Example:$", "Examples:", text, flags=re.MULTILINE)
