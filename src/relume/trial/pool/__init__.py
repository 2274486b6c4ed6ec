"""Runs each job in a fresh process, and caches finished runs.

Comes in: a `TrialJob` as JSON. Goes out: a `TrialRun` as JSON. Importing torch takes longer than
many a training, so a fork server imports it once and forks a child for every job.

- `forkserver.py`: the server process; starts a new interpreter where a fork is not safe.
- `forkserver_client.py`: starts servers, sends jobs, waits: `run_in_forkserver(text)`.
- `trial_cache.py`: `TrialCache`, one file of JSON lines for a program and its conditions.

Call chain: `scheduler.run_jobs` -> joblib -> `run_in_forkserver` -> `ForkServerClient.run` -> a
child of `forkserver.main` -> `runner.run_arm.run_arm` -> ``run.json`` in the scratch folder."""
