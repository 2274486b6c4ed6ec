"""One file per experiment behind the lessons; `registry.discover` finds them by looking."""
