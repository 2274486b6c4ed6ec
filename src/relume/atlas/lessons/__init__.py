"""The lessons, one file each: the docstring is the page's text, `figures` makes its figures.

`registry.discover` finds the `lesson(__doc__, figures)` that each file binds; the claims order the
book: W why acts, F the functions, P what goes wrong, A which to use, C corrections. A new
lesson is a new file; docs/extend/lesson.md shows one::

    def figures():
        return (curve("ReLU", ("relu",), (Say("At z = {z} the slope is {slope}."),)),)

    LESSON = lesson(__doc__, figures)
"""
