"""Runs the patched source before anybody sees the patch, and says what it gave.

The trial's edits act on the live run; the patch is other code. It is shown only if the patched
source, run in the same sandbox at the same seed, gives the arm's losses: to the last bit, or to
`ROUNDING`, because a patch may compute the same sum in another order. A patch that trains in
another way (it draws other numbers, or the script is not repeatable) must win the trial by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from relume.core.trial import Arm, Edit, Objective, SourceChange, TrialRun
from relume.fixes.patches import manual_instructions, patches_of
from relume.fixes.source.diff import Patch
from relume.trial.judge.verdict import PROVEN
from relume.trial.paired_trial import BASE, judge_arms
from relume.trial.scheduler import TrialRunner

ROUNDING = 1e-5  # of a loss: 80 units in the last place of float32, after some steps of training
FIRST = 5  # losses compared to `ROUNDING`: after them a training multiplies every difference
END = 0.1  # of the gain: the end must be as good, but for that


@dataclass(frozen=True, slots=True)
class ProvenPatch:
    """A patch that has run: the changed files, and how they ran, in a sentence."""

    patches: tuple[Patch, ...] = ()
    text: str = ""

    @property
    def diff(self) -> str:
        """The patch as a unified diff."""
        return "".join(patch.diff() for patch in self.patches)

    @property
    def undo(self) -> str:
        """The patch that reverts it."""
        return "".join(patch.reverse().diff() for patch in self.patches)

    @property
    def changes(self) -> tuple[SourceChange, ...]:
        """The files before and after."""
        return tuple(SourceChange(p.file, p.before, p.after) for p in self.patches)


def prove_patch(
    runner: TrialRunner, arm: Arm, seeds: range, objective: Objective, root: Path | None = None
) -> ProvenPatch:
    """Write the arm's edits as a patch, and run the patched source.

    Args:
        runner: has the runs of the arm and of the base.
        arm: proven at `seeds`, and run at seed 0.
        seeds: the fresh seeds.
        objective: what was judged.
        root: the folder to which the diff is relative.
    """
    root = root or Path.cwd()
    program = runner.setting.program
    base = runner.runs[BASE.name, 0]
    files = [file for file in (program.target, *base.sources) if file.endswith(".py")]
    patches = patches_of(arm.edits, root, program.argv, files)
    if not patches:
        return ProvenPatch()
    sources = tuple((str((root / patch.file).resolve()), patch.after) for patch in patches)
    patched = Arm(f"{arm.name}, patched", text=f"{arm.text}, as a patch", sources=sources)
    runner.run([patched], [0])
    text = _same(runner.runs[patched.name, 0], runner.runs[arm.name, 0], base)
    if text:
        return ProvenPatch(patches, text)
    if runner.runs[patched.name, 0].problem or runner.runs[patched.name, 0].diverged:
        return ProvenPatch()
    runner.run([patched], seeds)
    verdict = judge_arms(runner, [patched], BASE, seeds, objective)[0]
    if verdict.word != PROVEN:
        return ProvenPatch()
    text = (
        f"The patched source trains in another way than the edit of the trial, so it had a trial "
        f"of its own, over {len(seeds)} fresh seeds: proven. {verdict.text}"
    )
    return ProvenPatch(patches, text)


def _same(patched: TrialRun, arm: TrialRun, base: TrialRun) -> str:
    """Say how alike the losses are; empty where they are not."""
    one, other = patched.loss, arm.loss
    if repr(one) == repr(other):
        return "The patched source has run: its losses are those of the trial to the last bit."
    if [step for step, _ in one] != [step for step, _ in other] or patched.problem:
        return ""
    near = all(
        abs(a - b) <= ROUNDING * max(abs(a), abs(b))
        for (_, a), (_, b) in zip(one[:FIRST], other[:FIRST], strict=True)
    )
    ends = [run.metrics.get("loss") for run in (patched, arm, base)]
    if not near or ends[0] is None or ends[1] is None:
        return ""
    before = ends[2] if ends[2] is not None else base.metrics.get("start", 0.0)
    if abs(ends[0] - ends[1]) > END * abs(before - ends[1]):
        return ""
    return (
        "The patched source has run: its first losses are those of the trial to "
        f"{ROUNDING:g} of their size, and it ends at {ends[0]:.4g} where the trial ended at "
        f"{ends[1]:.4g}."
    )


def in_words(arm: Arm, argv: Sequence[str], root: Path | None = None) -> str:
    """Say what to do by hand where no patch is proven: a sentence for each edit, with its place."""
    words: list[str] = []
    for edit in arm.edits:
        place = f"{edit.file}:{edit.line}: " if edit.line else f"{edit.file}: " * bool(edit.file)
        told = manual_instructions(edit, root or Path.cwd(), argv)
        code = _line_of(edit)
        at = f"{place}`{code}`: " if code else place
        words.append(told or f"{at}{edit.text}, as `relume explain {edit.fix}` says.")
    outside = _outside(arm.edits, root or Path.cwd())
    if outside:
        words.append(f"A patch is written only below the current folder: run this in {outside}.")
    return " ".join(words)


def _outside(edits: Sequence[Edit], root: Path) -> str:
    """Return the folder of an edit's file that does not lie below the root; empty if there is
    none."""
    files = [Path(edit.file).resolve() for edit in edits if edit.file]
    return next((str(f.parent) for f in files if not f.is_relative_to(root.resolve())), "")


def _line_of(edit: Edit) -> str:
    """Return the line of the source that the edit names; empty where it names none."""
    try:
        lines = Path(edit.file).read_text(encoding="utf-8").splitlines() if edit.line else []
    except (OSError, UnicodeError):
        return ""
    return lines[edit.line - 1].strip() if len(lines) >= edit.line > 0 else ""
