"""`python -m relume` is `relume`; `torchrun -m relume run train.py` starts it on every rank."""

import sys
from pathlib import Path

if not sys.flags.safe_path and sys.path[0] == str(Path.cwd()):
    sys.path[0] = str(Path(__file__).parent.parent)  # a `rich.py` of the user's is not relume's

from relume.cli.app import main

if __name__ == "__main__":
    raise SystemExit(main())
