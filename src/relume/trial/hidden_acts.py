"""Tells the acts between layers, which may be exchanged, from gates, which may not."""

from relume.core import Site, Trace


def hidden_acts(trace: Trace) -> tuple[Site, ...]:
    """Return the hidden act sites that are no gates.

    A recurrent cell multiplies each gate with a state, but the first with a constant: the graph of
    a first step shows that gate as a hidden act. So an act is a gate where the same act is a gate
    in the same module.
    """
    gates = {(site.path, site.act) for site in trace.sites_of("act", "gate")}
    hidden = trace.sites_of("act", "hidden")
    return tuple(site for site in hidden if (site.path, site.act) not in gates)
