"""Begins a recording inside a process that `python` itself runs.

In comes a recording's plan in the environment (`supervise.py` puts it there), out comes a run file.
The script runs as `python` runs it: nothing of relume is loaded before the script's own import of
torch, so that its environment variables, its modules of any name and its search path are its own.

- `sitecustomize`: what Python imports when it starts, because this folder stands first on its
  search path; it takes the folder out of the path again and waits for the import of torch.
- `record_script`: begins the recording, and ends it when Python ends.
- `printed_output`: hears what the script prints of rows that it does not train on.

    >>> from importlib.util import find_spec
    >>> find_spec("relume.startup.sitecustomize") is not None
    True
"""
