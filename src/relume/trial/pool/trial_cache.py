"""Finished shots, kept as they finish: one file of JSON lines for each program and its conditions.

A shot is kept under what it depends on: the edits of its arm (not the arm's name), its repetition,
and, checked when it is read, the digests of all of the user's files that it ran. A line is written
whole; one that was cut off by a crash is passed over. The last line of a key counts, so that no
pair is counted twice however often it was written.
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

FORMAT = 2
"""One more when a shot of before can no longer stand for one of now."""


class TrialCache:
    """The shots of a program under fixed conditions.

    Args:
        folder: where the runs are; the file goes into ``trials`` below it.
        job: any job of the trial: its program, steps and objective are the conditions.
    """

    def __init__(self, folder: Path, job: TrialJob) -> None:
        name = Path(job.program.target.rpartition(":")[0] or job.program.target).stem
        conditions = dump(
            {
                "program": job.program,
                "steps": job.steps,
                "objective": job.objective if ":" in job.objective.source else None,
                "every": job.every,
                "format": FORMAT,
            }
        )
        key = hashlib.sha256(conditions.encode()).hexdigest()[:12]
        self.path = folder / "trials" / f"{name}-{key}.jsonl"
        self._digests: dict[str, str] = {}

    def add(self, arm: Arm, shot: TrialRun) -> None:
        """Keep a shot, whole or not at all."""
        line = json.dumps({"edits": edits_key(arm), "seed": shot.seed, "shot": plain(shot)})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        cut = self.path.exists() and self.path.read_bytes()[-1:] not in (b"\n", b"")
        data = ("\n" if cut else "") + line + "\n"
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            os.write(file, data.encode())
            os.fsync(file)
        finally:
            os.close(file)

    def known(self, arms: Iterable[Arm]) -> dict[tuple[str, int], TrialRun]:
        """Kept shots by the names of these arms and their repetition, as far as the user's files
        are still what they were."""
        names: dict[str, list[str]] = {}
        for arm in arms:
            names.setdefault(edits_key(arm), []).append(arm.name)
        found: dict[tuple[str, int], TrialRun] = {}
        for key, shot in self._lines():
            for name in names.get(key, ()):
                found[name, shot.seed] = replace(shot, arm=name)
        return found

    def _lines(self) -> Iterable[tuple[str, TrialRun]]:
        try:
            lines = self.path.read_text("utf-8").splitlines()
        except OSError:
            return
        for line in lines:
            try:
                entry = json.loads(line)
                shot = run_of(entry["shot"])
            except (ValueError, TypeError, KeyError):
                continue  # cut off in the middle, or not ours
            if all(self._digest(file) == kept for file, kept in shot.sources.items()):
                yield entry["edits"], shot

    def _digest(self, file: str) -> str:
        if file not in self._digests:
            self._digests[file] = digest(file)
        return self._digests[file]


def edits_key(arm: Arm) -> str:
    """What an arm does, in twelve hexadecimal digits; a placebo is told from its base."""
    plain_edits = [(e.fix, sorted(e.options.items()), e.sites) for e in arm.edits]
    role = arm.role if arm.role == "placebo" else ""
    text = json.dumps([plain(plain_edits), role], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
