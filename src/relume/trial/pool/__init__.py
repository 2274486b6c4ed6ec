"""Runs each job in a fresh process, and caches finished runs.

Comes in: a `TrialJob` as JSON. Goes out: a `TrialRun` as JSON. Importing torch takes longer than
many a training, so a fork server imports it once and forks a child for every job.

- `forkserver.py`: the server process; starts a new interpreter where a fork is not safe.
- `forkserver_client.py`: starts servers, sends jobs, waits: `run_in_forkserver(text)`.
- `trial_cache.py`: `TrialCache`, one file of JSON lines for a program and its conditions.

Call chain: `scheduler.run_jobs` -> joblib -> `run_in_forkserver` -> `ForkServerClient.run` -> a
child of `forkserver.main` -> `runner.run_arm.run_arm` -> ``run.json`` in the scratch folder.

Why not `multiprocessing.get_context("forkserver")`, which does much the same:

- Each of its children imports the caller's ``__main__`` again. A user's file that calls
  `relume.trial.compare` without ``if __name__ == "__main__":`` would fail.
- A daemonic process may not use it, and the workers of Dask's nannies are daemonic.
- It has one server for a process, with the environment of its start: NumPy reads the number of
  threads from there.
- It forks whatever the number of threads in the server.
"""
