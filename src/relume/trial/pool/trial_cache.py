"""Caches finished runs: one file of JSON lines for each program and its conditions.

The key of a run is what it depends on: the edits of its arm (not the arm's name) and its seed. A
run is reused only if the digests of all files of the user that it ran are unchanged. A line is
written whole, and one that a crash cut off is skipped. The last line of a key counts, so no run
counts twice.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from relume.core import plain
from relume.core.trial import Arm, TrialRun
from relume.trial.runner.job import TrialJob, digest, dump, run_of

FORMAT = 4
"""Raised by one when cached runs can no longer be reused."""


class TrialCache:
    """The cached runs of a program under fixed conditions.

    Args:
        folder: the folder of run files; the cache is in ``trials`` below it.
        job: any job of the trial; its program, steps and objective are the conditions.
    """

    def __init__(self, folder: Path, job: TrialJob) -> None:
        name = Path(job.program.target.rpartition(":")[0] or job.program.target).stem
        conditions = dump(
            {
                "program": job.program,
                "steps": job.steps,
                "objective": job.objective if ":" in job.objective.source else None,
                "every": job.every,
                "recorded": job.recorded,
                "format": FORMAT,
            }
        )
        key = hashlib.sha256(conditions.encode()).hexdigest()[:12]
        self.path = folder / "trials" / f"{name}-{key}.jsonl"
        self._digests: dict[str, str] = {}

    def add(self, arm: Arm, run: TrialRun) -> None:
        """Append a run, whole or not at all."""
        line = dump({"edits": edits_key(arm), "seed": run.seed, "run": run})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        cut = self.path.exists() and self.path.read_bytes()[-1:] not in (b"\n", b"")
        data = ("\n" if cut else "") + line + "\n"
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            os.write(file, data.encode())
            os.fsync(file)
        finally:
            os.close(file)

    def finished_runs(self, arms: Iterable[Arm]) -> dict[tuple[str, int], TrialRun]:
        """Return the cached runs by the names of these arms and seed, if the user's files are
        unchanged since."""
        names: dict[str, list[str]] = {}
        for arm in arms:
            names.setdefault(edits_key(arm), []).append(arm.name)
        runs: dict[tuple[str, int], TrialRun] = {}
        for key, run in self._lines():
            for name in names.get(key, ()):
                runs[name, run.seed] = replace(run, arm=name)
        return runs

    def _lines(self) -> Iterable[tuple[str, TrialRun]]:
        try:
            lines = self.path.read_text("utf-8").splitlines()
        except OSError:
            return
        for line in lines:
            try:
                entry = json.loads(line)
                run = run_of(entry["run"])
            except (ValueError, TypeError, KeyError):
                continue  # cut off in the middle, or not of this cache
            if all(self._digest(file) == digest_then for file, digest_then in run.sources.items()):
                yield entry["edits"], run

    def _digest(self, file: str) -> str:
        if file not in self._digests:
            self._digests[file] = digest(file)
        return self._digests[file]


def edits_key(arm: Arm) -> str:
    """Hash an arm's edits to twelve hexadecimal digits; a placebo and its base differ."""
    plain_edits = [(e.fix, sorted(e.options.items()), e.sites) for e in arm.edits]
    role = arm.role if arm.role == "placebo" else ""
    text = json.dumps([plain(plain_edits), role, *arm.sources], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
