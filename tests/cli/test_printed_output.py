"""What a script prints of held-out rows is heard, and nothing that it prints is changed."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from relume.startup.printed_output import MOST_BYTES

HEAD = """
import os, sys
from relume.startup.printed_output import PrintedOutput
heard = PrintedOutput()
heard.listen()
"""
TAIL = """
sys.stdout.flush()
found = [(f.data["name"], f.data["values"], f.data["better"]) for f in heard.facts()]
open(sys.argv[1], "w").write(repr(found))
"""


def told(folder: Path, body: str, *options: str, tail: str = TAIL) -> tuple[str, str, str]:
    """Run a script that is heard: its output, its errors, and what was heard."""
    out = folder / "heard.txt"
    out.write_text("")
    command = [sys.executable, *options, "-c", HEAD + body + tail, str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout, done.stderr, out.read_text()


@pytest.mark.parametrize("options", [(), ("-u",)])
def test_numbers_on_held_out_rows_are_heard(options: tuple[str, ...], tmp_path: Path) -> None:
    body = "for at in range(3): print('epoch', at, 'loss', 0.5, 'val acc', at / 10, flush=True)\n"
    body += "sys.stderr.write('test loss 0.25\\n')\n"
    output, errors, heard = told(tmp_path, body, *options)
    assert output.splitlines()[2] == "epoch 2 loss 0.5 val acc 0.2"
    assert errors == "test loss 0.25\n"
    assert heard == "[('val acc', [0.0, 0.1, 0.2], 'max'), ('test loss', [0.25], 'min')]"


def test_of_a_long_output_the_lines_on_held_out_rows_are_kept(tmp_path: Path) -> None:
    lines = 2 * MOST_BYTES // 40
    body = f"for at in range({lines}): print('loss 0.1234567890123456789 of a batch')\n"
    body += "print('val loss 0.5')\n" * 2 + f"for at in range({lines}): print('x' * 40)\n"
    output, _, heard = told(tmp_path, body)
    assert heard == "[('val loss', [0.5, 0.5], 'min')]"
    assert len(output.splitlines()) == 2 * lines + 2


def test_a_broken_pipe_is_raised_by_python_itself(tmp_path: Path) -> None:
    script = "import sys\nfor at in range(100_000): print('a line of some length', at)\n"
    ends: list[tuple[int, str]] = []
    for head in ("", HEAD.replace("import os, sys", "")):
        path = tmp_path / "script.py"
        path.write_text(script if not head else "import sys\n" + head.lstrip() + script)
        python, words = shlex.quote(sys.executable), shlex.quote(str(path))
        first = shlex.quote(str(tmp_path / "first"))
        command = f"{python} {words} | head -1 > {first}; exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(
            ["bash", "-c", command],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)},
        )
        ends.append((done.returncode, done.stderr.splitlines()[-1]))
        assert "printed_output" not in done.stderr
    assert ends[0] == ends[1]
    assert "BrokenPipe" in ends[0][1]


def test_a_forked_child_is_not_heard(tmp_path: Path) -> None:
    body = "if os.fork() == 0:\n    print('val acc 0.9', flush=True)\n    os._exit(0)\nos.wait()\n"
    output, _, heard = told(tmp_path, body)
    assert (output, heard) == ("val acc 0.9\n", "[]")


def test_streams_of_the_script_are_left_alone(tmp_path: Path) -> None:
    body = "import io\nsys.stdout = io.StringIO()\nPrintedOutput().listen()\n"
    body += "assert not hasattr(sys.stdout, 'raw')\nsys.stdout = None\nPrintedOutput().listen()\n"
    _, errors, _ = told(tmp_path, body, tail="")
    assert errors == ""
