"""Makes the file of a new run: where it goes and what it is called."""

import re
from datetime import datetime, timedelta
from pathlib import Path

from relume.record.schedule import ranks
from relume.record.store.schema import SUFFIX

FOLDER = Path(".relume")
MOST_BYTES = 200  # of a stem: a file system takes names of 255, and SQLite adds to it
STAMP = "%Y%m%d-%H%M%S"


def new_path(folder: Path, name: str) -> Path:
    """Create a new file and return its path: the time, the name, the rank, a number if needed.

    The file is created at once, so that two runs that start in the same second do not share it.
    """
    rank = ranks.this_rank()
    stem = f"{_moment(folder):{STAMP}}-{name}{f'-rank{rank.rank}' if rank else ''}"
    stem = stem.encode()[:MOST_BYTES].decode(errors="ignore")
    number = 1
    while True:
        path = folder / f"{stem}{f'-{number}' if number > 1 else ''}{SUFFIX}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.touch(exist_ok=False)
        except FileExistsError:
            if not folder.is_dir():
                return path  # a file has the folder's name: the writer will report it
            number += 1
        except OSError:
            return path  # the writer will report it
        else:
            return path


def _moment(folder: Path) -> datetime:
    """The time; where the clock went back (summer time ends), a second after the newest run's.

    The newest run of a folder is the one whose name comes last.
    """
    now = datetime.now()
    try:
        names = (path.name for path in folder.glob(f"*{SUFFIX}"))
        times = [match[0] for name in names if (match := re.match(r"\d{8}-\d{6}(?=-)", name))]
        newest = datetime.strptime(max(times, default=""), STAMP)
    except (OSError, ValueError):  # no run yet, or digits that are no time
        return now
    return newest + timedelta(seconds=1) if newest > now else now
