"""Sends the figures and findings of a run to TensorBoard, as event files of its own format.

    from relume.integrations.log_tensorboard import log
    log(run, "runs")            # see it: tensorboard --logdir runs

`--sink tensorboard` writes every series while the run trains; here are the few figures, and the
findings as text.
"""

from pathlib import Path

from relume.integrations.logged_run import COLUMNS, PREFIX, LoggedRun, client, logged
from relume.record.run import Run


def log(run: Run, project: str | Path = "relume") -> str:
    """Send a recorded run; return where it is. `project` is the folder of the event files."""
    return send(logged(run), str(project))


def send(run: LoggedRun, project: str) -> str:
    """Send what a logger takes of a run; return where it is.

    Raises:
        UsageError: tensorboard is not installed.
    """
    events = client("tensorboard", "torch.utils.tensorboard", "'relume[tensorboard]'")
    folder = Path(project) / run.name
    writer = events.SummaryWriter(str(folder))
    for step, values in run.points():
        for key, value in values.items():
            writer.add_scalar(key, value, step)
    words = [f"**{run.verdict['verdict']}** {run.verdict['outcome']}", "", _table(run)]
    writer.add_text(f"{PREFIX}findings", "\n".join(words))
    writer.close()
    return str(folder)


def _table(run: LoggedRun) -> str:
    """Return the findings as a table in Markdown."""
    cells = [COLUMNS, tuple("---" for _ in COLUMNS), *run.findings]
    return "\n".join(f"| {' | '.join(_cell(each) for each in row)} |" for row in cells)


def _cell(value: object) -> str:
    return " ".join(str(value).replace("|", "\\|").split())
