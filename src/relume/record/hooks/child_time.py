"""How long child processes have worked: what trains in them is not recorded by their parent."""

try:
    import resource
except ImportError:  # Windows has no such counter
    resource = None


def children_seconds() -> float:
    """Processor time of the child processes that have ended, in seconds.

    >>> children_seconds() >= 0
    True
    """
    if resource is None:
        return 0.0
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
