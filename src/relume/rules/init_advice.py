"""Writes in words which initialisation suits an act."""

from relume.core import Site

_WORDS = {
    "xavier": "Xavier initialisation",
    "lecun": "LeCun initialisation (variance of one over the fan-in)",
    "siren": "SIREN's initialisation (uniform within sqrt(6 / fan_in) / omega)",
}


def init_for(site: Site) -> str:
    """The initialisation that keeps the signal's scale through the act of a site, as text."""
    best = site.init[0] if site.init else "he"
    gain = f"He initialisation with the gain of {site.act}" if site.act else "its gain"
    return _WORDS.get(best, gain)
