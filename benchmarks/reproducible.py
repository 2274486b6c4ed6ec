"""Is the diagnosis of a run always the same? Twelve short scripts, each diagnosed ten times.

    python benchmarks/reproducible.py [--times 10] [--load 8] [--only NAME]

Each script is seeded and gives the same losses to the last bit each time. Of its ten runs five have
the machine to themselves and five run beside `--load` processes that keep all cores busy. Two
diagnoses are the same where codes, severities and sites of all findings and the outcome's word are,
but for ACT802, which is a fact about time. Printed are, for each script, how many of its runs agree
with its most frequent diagnosis.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CASES = ROOT / "tests" / "cases" / "scripts"
TIMED = {"ACT802"}
SCRIPTS: dict[str, list[str]] = {
    "deep-sigmoid": [str(ROOT / "examples" / "digits_deep_sigmoid.py"), "--depth", "8"],
    "sigmoid-3": [str(ROOT / "examples" / "digits_deep_sigmoid.py"), "--depth", "3"],
    "high-rate": [str(ROOT / "examples" / "digits_high_lr.py")],
    "double-softmax": [str(ROOT / "examples" / "wine_double_softmax.py")],
    "dying-relu": [str(ROOT / "src" / "relume" / "demos" / "dying_relu.py")],
    "vanishing": [str(ROOT / "src" / "relume" / "demos" / "vanishing.py")],
    "linear-stack": [str(ROOT / "src" / "relume" / "demos" / "linear_stack.py")],
    "rate-kills": [str(CASES / "rate_kills_relu.py"), "broken"],
    "rate-kills-ok": [str(CASES / "rate_kills_relu.py"), "healthy"],
    "bandit": [str(CASES / "reinforce_bandit.py"), "healthy"],
    "rate-tiny": [str(CASES / "adam_rate_tiny.py"), "broken"],
    "gan": [str(CASES / "gan_small.py"), "healthy"],
}

Diagnosed = tuple[str, ...]


def diagnosed(words: list[str]) -> Diagnosed:
    """Outcome and findings of one run, as comparable words."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        options = ["--isolated", "--dir", folder, "--output-format", "json", "-o", str(out)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "relume", "run", *options, *words]
        subprocess.run(command, capture_output=True, cwd=folder, env=environment, check=False)
        told = json.loads(out.read_text("utf-8"))
    findings = (f"{f['code']} {f['severity']} {f['site']}" for f in told["findings"])
    kept = sorted(words for words in findings if words.split()[0] not in TIMED)
    return (told["outcome"]["name"], *kept)


def spin() -> None:
    while True:
        sum(range(10_000))


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """So many processes that do nothing but keep the machine busy."""
    others = [multiprocessing.Process(target=spin, daemon=True) for _ in range(processes)]
    for other in others:
        other.start()
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--load", type=int, default=8)
    parser.add_argument("--only", default="")
    words = parser.parse_args()
    agree = total = 0
    print(f"{'script':<16}{'same':>8}   most frequent diagnosis; others")
    for name, script in SCRIPTS.items():
        if words.only not in name:
            continue
        quiet = words.times // 2
        told = [diagnosed(script) for _ in range(quiet)]
        with busy(words.load):
            told += [diagnosed(script) for _ in range(words.times - quiet)]
        counts = Counter(told)
        (usual, times), *others = counts.most_common()
        agree, total = agree + times, total + len(told)
        print(f"{name:<16}{times:>4} of {len(told):<3} {', '.join(usual)}")
        for other, count in others:
            gone, new = set(usual) - set(other), set(other) - set(usual)
            print(f"{'':<16}{count:>4} others:  without {sorted(gone)}, with {sorted(new)}")
    print(f"the same diagnosis in {agree} of {total} runs")


if __name__ == "__main__":
    main()
