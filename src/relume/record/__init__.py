"""Measuring a run while it trains, and the file it is kept in. `run` has the public names."""
