"""One file per lesson; its docstring is its text, and `registry.discover` finds it by looking."""
