"""Cards: every property of an act, measured on this machine and build; one file per topic."""
