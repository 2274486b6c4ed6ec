"""`python -m relume` is `relume`; `torchrun -m relume run train.py` starts it on every rank."""

from relume.cli.app import main

if __name__ == "__main__":
    raise SystemExit(main())
