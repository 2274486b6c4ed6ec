"""One file per rule; its docstring is its page, and `registry.discover` finds it by looking.

Files that begin with an underscore hold no rule: they are what several rules share.
"""
