"""Writes a number with its noun."""


def count(many: int, one: str, several: str = "") -> str:
    """Return a number with its noun.

    >>> count(1, "record"), count(2_000, "record"), count(2, "batch", "batches")
    ('1 record', '2,000 records', '2 batches')
    """
    return f"{many:,} {one if many == 1 else several or one + 's'}"
