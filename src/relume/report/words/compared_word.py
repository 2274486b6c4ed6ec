"""The verdict's word in a comparison of acts: the same on the terminal, in tables and on pages.

What a fix proves by fresh seeds, a comparison of acts that were named beforehand only finds better.
"""

_WORDS = {"no proven gain": "no difference shown", "proven": "better"}


def compared_word(word: str) -> str:
    """Return the word for a comparison.

    >>> compared_word("proven"), compared_word("worse")
    ('better', 'worse')
    """
    return _WORDS.get(word, word)
