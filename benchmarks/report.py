"""What a report costs: seconds to make it, its size, and how long a browser draws it.

python benchmarks/report.py

Runs of 8, 50 and 200 acts by 500 records, written as run files with random series, which is the
worst case for size: nothing in them is constant. `made` is the wall time of `relume report` as a
process, `drawn` from the page's start to its first frame with the verdict, in a headless Chromium.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from relume.core import Fact, Site, Window
from relume.record.store import run_file

RECORDS, EVERY, UNITS, REPEATS = 500, 4, 512, 3
SHARES = ("silent_unit_share", "zero_slope_share", "flat_share_low", "flat_share_high")
SCALES = ("pre_mean", "pre_rms", "pre_absmax", "post_mean", "post_rms", "grad_pre_rms")
OF_A_WEIGHT = ("weight_norm", "grad_norm", "update_ratio")


def recorded(path: Path, acts: int) -> None:
    """A run file of `acts` layers, each with a weight and an act."""
    rng = np.random.default_rng(0)
    writer = run_file.Writer(path)
    writer.meta({"run": path.stem, "script": "train.py", "steps": EVERY * RECORDS})
    names = [f"encoder.layers.{i}.mlp" for i in range(acts)]
    for i, name in enumerate(names):
        weight = f"{name}.fc.weight"
        writer.site(Site(weight, "parameter", layer=f"{name}.fc", order=2 * i, units=UNITS))
        writer.fact(Fact("parameter", weight, 0, {"shape": [UNITS, UNITS]}))
        act = Site(f"{name}.act", "act", "relu", layer=f"{name}.fc", order=2 * i + 1, units=UNITS)
        writer.site(act)
        writer.windows(act.name, [window(rng, first) for first in range(0, EVERY * RECORDS, 400)])
    keys = [(f"{name}.act", stat) for name in names for stat in (*SHARES, *SCALES)]
    keys += [(f"{name}.fc.weight", stat) for name in names for stat in OF_A_WEIGHT]
    for record in range(RECORDS):
        values = [rng.random() if stat in SHARES else 10 ** rng.normal(-2, 1) for _, stat in keys]
        writer.record(EVERY * record, tuple(keys), values)
    loss = 0.3 + 2 * np.exp(-np.arange(EVERY * RECORDS) / 400) + rng.normal(0, 0.05, 2000)
    writer.steps([(step, float(value), 0.01, 0.1) for step, value in enumerate(loss)])
    writer.fact(Fact("end", "", EVERY * RECORDS, {"how": "normal", "code": 0, "text": ""}))
    writer.meta({"ended": "normal"})
    writer.close()


def window(rng: np.random.Generator, first: int) -> Window:
    n, mean = 6400.0, rng.normal(size=UNITS)
    active = np.full(UNITS, n / 2)
    names = ("active", "low", "high", "pre_n", "pre_sum", "pre_sumsq")
    values = (active, n - active, 0 * active, active + n / 2, mean * n, (mean**2 + 1) * n)
    return Window(first, first + 396, 100, int(n), dict(zip(names, values, strict=True)))


def made(run: Path, page: Path) -> float:
    started = time.perf_counter()
    command = [sys.executable, "-m", "relume", "report", str(run), "-o", str(page), "--isolated"]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def drawn(browser: Any, page: Path) -> float:
    """Seconds until the first frame that shows something, from the start of the navigation."""
    tab = browser.new_page(viewport={"width": 1440, "height": 900})
    tab.goto(page.as_uri())
    tab.locator("h1").wait_for()
    found = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
    tab.wait_for_function(f"() => {found} !== undefined")
    milliseconds = float(tab.evaluate(found))
    tab.close()
    return milliseconds / 1000


def main() -> None:
    path = shutil.which("chromium")
    if path is None:
        sys.exit("this benchmark draws in Chromium, which is not here")
    from playwright.sync_api import sync_playwright

    print("acts  records   made [s]   size [kB]   drawn [s]")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for acts in (8, 50, 200):
            run, page = Path(name, f"acts-{acts}.sqlite"), Path(name, f"{acts}.html")
            recorded(run, acts)
            seconds = [made(run, page) for _ in range(REPEATS)]
            frames = [drawn(browser, page) for _ in range(REPEATS)]
            size = page.stat().st_size / 1000
            line = (
                f"{acts:4} {RECORDS:8} {median(seconds):10.2f} {size:11.0f} {median(frames):11.2f}"
            )
            print(f"{line}   (of {REPEATS}: {min(seconds):.2f} to {max(seconds):.2f} s)")
        browser.close()


if __name__ == "__main__":
    main()
