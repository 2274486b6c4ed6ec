"""What every audit of a run's graphs and steps is made from."""

from relume.record.sites.sites import Sites
from relume.record.store.run_file import Writer


class FactAudit:
    """Reads graphs or steps of a run, and writes facts about them.

    Args:
        sites: the run's sites.
        writer: the open run file.
    """

    def __init__(self, sites: Sites, writer: Writer) -> None:
        self._sites = sites
        self._writer = writer
