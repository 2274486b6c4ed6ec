"""Sends the figures and findings of a run to MLflow, through its own client.

    from relume.integrations.log_mlflow import log
    log(run)                    # into the MLflow run that is active, else into a new one

MLflow's own settings (`MLFLOW_TRACKING_URI`) say where it is kept.
"""

import time

from relume.integrations.logged_run import COLUMNS, PREFIX, LoggedRun, client, logged
from relume.record.run import Run

LARGEST = 1_000  # metrics of one `log_batch`, as MLflow's REST interface allows


def log(run: Run, project: str = "relume") -> str:
    """Send a recorded run; return where it is. `project` is the experiment of a new MLflow run."""
    return send(logged(run), project)


def send(run: LoggedRun, project: str) -> str:
    """Send what a logger takes of a run; return where it is.

    Raises:
        UsageError: mlflow is not installed.
    """
    mlflow = client("mlflow")
    entities = client("mlflow", "mlflow.entities")
    store = mlflow.MlflowClient()
    active = mlflow.active_run()
    if active is None:
        known = store.get_experiment_by_name(project)
        number = known.experiment_id if known else store.create_experiment(project)
        target = store.create_run(number, run_name=run.name).info.run_id
    else:
        target = active.info.run_id
    now = int(1000 * time.time())
    metrics = [
        entities.Metric(key, value, now, step)
        for step, values in run.points()
        for key, value in values.items()
    ]
    for at in range(0, len(metrics), LARGEST):
        store.log_batch(target, metrics=metrics[at : at + LARGEST])
    for key, value in {**run.about, **run.verdict}.items():
        store.set_tag(target, f"{PREFIX}{key}", value)
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in run.findings]
    store.log_dict(target, {"findings": rows, **run.verdict}, f"{PREFIX}findings.json")
    store.log_text(target, run.diagnosis.to_json(), f"{PREFIX}diagnosis.json")
    if active is None:
        store.set_terminated(target)
    return f"{mlflow.get_tracking_uri()} (run {target})"
