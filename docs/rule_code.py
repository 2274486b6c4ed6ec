"""The bad and the good code of each rule's page, `docs/rules/NAME.py`, and what relume says of it.

A line that ends in ``# bad`` belongs to the bad script alone, one in ``# good`` to its cure; all
others to both. The message on a page is what the bad script got when this was last run:

    python docs/rule_code.py             (all rules; about three minutes)
    python docs/rule_code.py dead-units  (some)
"""

import contextlib
import io
import json
import runpy
import sys
import tempfile
from pathlib import Path

from relume import launch
from relume.core import Diagnosis, Finding
from relume.diagnosis import diagnose
from relume.record.store import run_file

FOLDER = Path(__file__).parent / "rules"
MESSAGES = FOLDER / "messages.json"
SCRIPT = "train.py"


def path_of(rule: str) -> Path:
    """The file with the code of a rule's page."""
    return FOLDER / f"{rule.replace('-', '_')}.py"


def scripts(rule: str) -> tuple[str, str]:
    """The bad and the good script of a rule's page."""
    lines = path_of(rule).read_text("utf-8").splitlines()
    return _without(lines, "good"), _without(lines, "bad")


def _without(lines: list[str], other: str) -> str:
    kept = [line for line in lines if not line.endswith(f"  # {other}")]
    return "\n".join(line.removesuffix("  # bad").removesuffix("  # good") for line in kept) + "\n"


def changed(rule: str, kind: str) -> list[int]:
    """The numbers of the lines that only this script has."""
    own, other = ("bad", "good") if kind == "bad" else ("good", "bad")
    lines = path_of(rule).read_text("utf-8").splitlines()
    kept = [line for line in lines if not line.endswith(f"  # {other}")]
    return [at for at, line in enumerate(kept, 1) if line.endswith(f"  # {own}")]


def diagnosed(script: str) -> Diagnosis:
    """Run a script as `relume run` does, or, where it calls `relume.check`, as it stands."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path(SCRIPT).write_text(script, "utf-8")
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            if "relume.check(" in script:
                return runpy.run_path(SCRIPT)["diagnosis"]
            path = launch.run(SCRIPT, [], folder=Path("runs")).path
        assert path is not None
        return diagnose(run_file.read(path))


def of_rule(rule: str, diagnosis: Diagnosis) -> list[Finding]:
    """What that rule found, gravest first."""
    return [finding for finding in diagnosis.findings if finding.name == rule]


def message(rule: str, diagnosis: Diagnosis) -> str:
    """The line that `--output-format concise` prints of it, and the cure to try first."""
    (first, *_) = of_rule(rule, diagnosis)
    place = f"{SCRIPT}:{first.line}: " if first.line else ""
    said = f"{place}{first.severity} {first.code} {first.name}: {first.message}"
    return said + (f"\ntry: {first.cure}" if first.cure else "")


def main() -> None:
    known = json.loads(MESSAGES.read_text("utf-8")) if MESSAGES.exists() else {}
    names = sys.argv[1:] or sorted(path.stem.replace("_", "-") for path in FOLDER.glob("*.py"))
    for rule in names:
        bad, good = (diagnosed(script) for script in scripts(rule))
        found, cured = of_rule(rule, bad), of_rule(rule, good)
        print(rule, "named" if found else "NOT NAMED", "NAMED STILL" if cured else "silent")
        for label, diagnosis in (("bad", bad), ("good", good)):
            told = [
                f"{f.code} {f.severity}" for f in diagnosis.findings if str(f.severity) != "fact"
            ]
            print(f"   {label}: {diagnosis.outcome.name}; {', '.join(told)}", flush=True)
        if found and not cured:
            known[rule] = message(rule, bad)
            text = json.dumps(dict(sorted(known.items())), indent=1, ensure_ascii=False) + "\n"
            MESSAGES.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
