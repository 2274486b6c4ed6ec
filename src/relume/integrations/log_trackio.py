"""Sends the figures and findings of a run to Trackio, through its own client.

    from relume.integrations.log_trackio import log
    log(run)                    # a run of its own in the project "relume"; see it: trackio show

Trackio keeps it on this machine; `TRACKIO_DIR` says where.
"""

from relume.integrations.logged_run import COLUMNS, PREFIX, LoggedRun, client, logged
from relume.record.run import Run


def log(run: Run, project: str = "relume") -> str:
    """Send a recorded run; return where it is."""
    return send(logged(run), project)


def send(run: LoggedRun, project: str) -> str:
    """Send what a logger takes of a run; return where it is.

    Raises:
        UsageError: trackio is not installed.
    """
    trackio = client("trackio")
    config = {f"{PREFIX}{key}": value for key, value in {**run.about, **run.verdict}.items()}
    target = trackio.init(
        project=project, name=run.name, config=config, embed=False, auto_log_gpu=False
    )
    last = 0
    for step, values in run.points():
        target.log(values, step=step)
        last = step
    if run.findings:
        rows = [list(row) for row in run.findings]
        table = trackio.Table(columns=list(COLUMNS), data=rows, allow_mixed_types=True)
        target.log({f"{PREFIX}findings": table}, step=last)
    target.finish()
    return f"{trackio.TRACKIO_DIR} (project {project})"
