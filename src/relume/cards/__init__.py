"""Cards: every property of an act, measured on this machine and build; one file a topic.

In comes an act; out comes a `Card` of `Measured` values, each with its error and its method. The
docstring of a property is the method that the card quotes. Discovery finds the properties.

- `property.py`: what a property is, and the decorator `measures` that makes one.
- `line_search.py`: f and f' as lines in float64, where to look on them, and how to close in.
- `kinks.py`, `bounds.py`, `monotone.py`, `zeros.py`: the shape of f.
- `slope.py`, `flatness.py`: f' against f, its largest value, where it is flat.
- `expectation.py`, `gains.py`, `fixed_point.py`: what the act does to a normal signal.
- `born_dead_risk.py`: dead units at birth, on random nets.
- `precision.py`: value and slope in each dtype against float64.
- `saved_memory.py`, `timing.py`: what the act costs.
- `build_card.py`: `relume.card`: measures them all, or reads the stored card.
- `card_cache.py`: cards by machine, versions, setting and source.

    >>> import relume
    >>> page = relume.card("tanh", timing=False, width=64, samples=500)
    >>> page.measured["range_high"].value
    1.0
"""
