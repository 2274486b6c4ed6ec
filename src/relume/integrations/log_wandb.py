"""Sends the figures and findings of a run to Weights & Biases, through its own client.

    from relume.integrations.log_wandb import log
    log(run)                    # into the wandb run that is open, else into an offline one

Offline is the default, so nothing leaves the machine before `wandb sync`; `WANDB_MODE` decides
otherwise.
"""

import os

from relume.integrations.logged_run import COLUMNS, PREFIX, LoggedRun, client, logged
from relume.record.run import Run


def log(run: Run, project: str = "relume") -> str:
    """Send a recorded run; return where it is. `project` counts where no wandb run is open."""
    return send(logged(run), project)


def send(run: LoggedRun, project: str) -> str:
    """Send what a logger takes of a run; return where it is.

    Raises:
        UsageError: wandb is not installed.
    """
    wandb = client("wandb")
    own = wandb.run is None
    mode = os.environ.get("WANDB_MODE", "offline")
    target = wandb.init(project=project, name=run.name, mode=mode) if own else wandb.run
    target.config.update({f"{PREFIX}{key}": value for key, value in run.about.items()})
    # a step of its own: the user's own log calls have moved wandb's, which only grows
    target.define_metric(f"{PREFIX}step")
    target.define_metric(f"{PREFIX}*", step_metric=f"{PREFIX}step")
    for step, values in run.points():
        target.log({f"{PREFIX}step": step, **values})
    rows = [list(row) for row in run.findings]
    target.log({f"{PREFIX}findings": wandb.Table(columns=list(COLUMNS), data=rows)})
    target.summary.update({f"{PREFIX}{key}": value for key, value in run.verdict.items()})
    where = str(target.dir).removesuffix("/files")
    if own:
        target.finish()
    return where
