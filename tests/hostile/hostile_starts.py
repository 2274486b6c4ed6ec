"""How a program starts: names, arguments, interpreter flags, search path, streams."""

from hostile_attack import TRAIN, Attack

_SHOWS = """
import sys, os
print(__name__, __file__, __package__, __spec__ is None, type(__loader__).__name__)
print(sys.argv, sys.orig_argv[1:], sys.path, os.getcwd(), sorted(globals()))
print(sys.modules["__main__"].__dict__ is globals(), __builtins__.__name__, sys.flags)
"""
_MODULES = "import sys\nprint(sorted(sys.modules))\n"
_OWN = {"part.py": "name = 'mine'\n"}
_MINE = "print(__file__)\nname = 'mine'\n"


def _shadow(name: str) -> Attack:
    """A module of the user's own that is called like one of relume's or of its libraries'."""
    text = f"import {name}\nprint({name}.name)\n" + TRAIN + f"train()\nimport {name}\n"
    return Attack(text + f"print({name}.name)", files={f"{name}.py": _MINE})


def _shadow_late(name: str) -> Attack:
    """The same, imported only after torch."""
    text = TRAIN + f"train()\nimport {name}\nprint({name}.name, {name}.__file__)"
    return Attack(text, files={f"{name}.py": _MINE})


STARTS = {
    "what a script sees of itself": Attack(_SHOWS, argv=["--epochs", "3", "-m", "--help"]),
    "the modules before any import": Attack(_MODULES, fast=True),
    "the environment": Attack("import os\nprint(dict(os.environ))"),
    "PYTHONPATH unset": Attack(
        "import os\nprint(os.environ.get('PYTHONPATH'), 'x')", env={"PYTHONPATH": "SRC"}
    ),
    "PYTHONPATH of two": Attack(
        "import os, sys, part\nprint(os.environ['PYTHONPATH'], sys.path, part.name)",
        files={"lib/part.py": _MINE},
        env={"PYTHONPATH": "SRC:lib"},
    ),
    "threads by the environment": Attack(
        "import os\nos.environ['OMP_NUM_THREADS'] = '3'\nimport torch\nprint(torch.get_num_threads())"
        "\nprint(torch.__config__.parallel_info())",
        env={"OMP_NUM_THREADS": None, "MKL_NUM_THREADS": None},
    ),
    "signal handlers": Attack(
        "import signal\nprint([signal.getsignal(s) for s in signal.valid_signals() if s != 32])"
        "\nprint(signal.pthread_sigmask(signal.SIG_BLOCK, []))",
        same=("code", "err", "files"),
        limit="handlers print their address; the next attack compares them",
    ),
    "signal dispositions": Attack(
        "print([l for l in open('/proc/self/status') if l.startswith(('SigB', 'SigI', 'SigC'))])"
    ),
    "descriptors": Attack("import os\nprint(sorted(os.listdir('/proc/self/fd')))"),
    "threads at the start": Attack(
        "import os\nprint(len(os.listdir('/proc/self/task')), os.nice(0), os.umask(0))"
    ),
    "limits": Attack(
        "import resource\nprint([resource.getrlimit(i) for i in range(10)])\n"
        "import sys, gc\nprint(sys.getrecursionlimit(), gc.get_threshold(), gc.isenabled(), "
        "sys.gettrace(), sys.getswitchinterval(), sys.dont_write_bytecode)"
    ),
    "warning filters": Attack(
        TRAIN + "import warnings\nbefore = list(warnings.filters)\ntrain()\n"
        "print(warnings.filters == before, before)"
    ),
    "no arguments but odd ones": Attack(
        "import sys\nprint(sys.argv)", argv=["", " ", "--", "-", "a b", "ü", "line\nbreak", "'\""]
    ),
    "an option of relume's": Attack("import sys\nprint(sys.argv)", argv=["--every", "3", "--quiet"]),
    "arguments of 100,000 bytes": Attack(
        "import sys\nprint(len(sys.argv[1]), len(sys.argv))", argv=["x" * 100_000, *"abc"]
    ),
    "ten thousand arguments": Attack("import sys\nprint(len(sys.argv))", argv=["y"] * 10_000),
    "a name of 240 characters": Attack(TRAIN + "train()", name="n" * 237 + ".py"),
    "a name with spaces and letters": Attack(_SHOWS, name="mein skript ü.py"),
    "a name without .py": Attack(_SHOWS, name="script"),
    "a name with a percent sign": Attack("1 / 0", name="50%s.py"),
    "a script in a folder": Attack(_SHOWS, name="a/b/script.py", files={"a/b/part.py": ""}),
    "./script": Attack(_SHOWS, target=["./script.py"]),
    "a path with ..": Attack(_SHOWS, target=["a/../script.py"], files={"a/x": ""}),
    "a symlinked script": Attack(
        _SHOWS + "import part\nprint(part.name)",
        name="real/script.py",
        files={"real/part.py": _MINE, "link.py": "->real/script.py"},
        target=["link.py"],
    ),
    "a symlinked folder": Attack(
        _SHOWS, name="real/script.py", files={"link": "->real"}, target=["link/script.py"]
    ),
    "a folder with __main__": Attack(_SHOWS, name="app/__main__.py", target=["app"]),
    "a zip application": Attack(
        "import zipapp\nzipapp.create_archive('app', 'app.pyz')\n"
        "import subprocess, sys\nprint(subprocess.run([sys.executable, 'app.pyz', '1'], "
        "capture_output=True, text=True))",
        files={"app/__main__.py": _SHOWS},
        same=("out", "err", "code"),
        limit="an archive holds the time at which its files were written",
    ),
    "a module": Attack(_SHOWS, name="part.py", target=["-m", "part"]),
    "a package": Attack(
        _SHOWS + "from . import sister\nprint(sister.name)",
        name="pkg/__main__.py",
        files={"pkg/__init__.py": "print('init')", "pkg/sister.py": _MINE},
        target=["-m", "pkg"],
        fast=True,
    ),
    "a module in a package": Attack(
        _SHOWS + "from .sister import name\nprint(name)\n" + TRAIN + "train()",
        name="pkg/tool.py",
        files={"pkg/__init__.py": "", "pkg/sister.py": _MINE},
        target=["-m", "pkg.tool"],
    ),
    "a package without __main__": Attack(
        "",
        files={"pkg/__init__.py": ""},
        target=["-m", "pkg"],
        same=("out",),
        limit="relume says itself that there is nothing to run, and exits with 2",
    ),
    "a relative import in a script": Attack("from . import part", files=_OWN),
    "a dataclass and pickle in __main__": Attack(
        "import pickle, copy\nfrom dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\n"
        "print(pickle.dumps(A(1)), pickle.loads(pickle.dumps(A(1))), copy.deepcopy(A(2)))"
    ),
    "its own source": Attack("import inspect, sys\nprint(inspect.getsource(sys.modules['__main__']))"),
    "a frozen module": Attack("import __hello__\n__hello__.main()"),
    "runpy inside": Attack(
        "import runpy\nprint(runpy.run_path('part.py')['name'])", files={"part.py": _SHOWS + _MINE}
    ),
    "sys.path changed": Attack(
        "import sys\nsys.path.insert(0, 'lib')\n" + TRAIN + "train()\nimport part\nprint(sys.path)",
        files={"lib/part.py": _MINE},
    ),
    "an import hook of its own": Attack(
        "import sys\nclass F:\n    def find_spec(self, name, path=None, target=None):\n"
        "        if name in ('torch', 'json'): print('asked', name)\n"
        "sys.meta_path.insert(0, F())\nimport json\n" + TRAIN + "train()"
    ),
    "torch imported twice": Attack(
        TRAIN + "import sys, torch as first\nimport torch\nprint(torch is first, type("
        "torch.__loader__).__name__, vars(torch.__spec__.loader).keys())\ntrain()"
    ),
    "the loader of torch": Attack(
        "import torch\nprint(type(torch.__spec__.loader), vars(torch.__spec__.loader), "
        "torch.__file__, torch.__spec__.origin)"
    ),
    "-O": Attack(_SHOWS + TRAIN + "assert False\ntrain()", flags=["-O"]),
    "-OO": Attack(TRAIN + "'''doc'''\nprint(train.__doc__)\ntrain()", flags=["-OO"]),
    "-X dev": Attack(_SHOWS + TRAIN + "train()", flags=["-X", "dev"]),
    "-B -s -u": Attack(_SHOWS, flags=["-B", "-s", "-u"]),
    "-b": Attack("print(b'a' == 'a')", flags=["-bb"]),
    "-q -P": Attack("import sys\nprint(sys.flags, sys.path)", flags=["-q", "-P"], env={"X": "1"}),
    "-X utf8=0": Attack("import sys\nprint(sys.flags.utf8_mode)", flags=["-X", "utf8=0"]),
    "-W error": Attack(TRAIN + "train()\nimport warnings\nwarnings.warn('x')", flags=["-W", "error"]),
    "-W ignore": Attack("import warnings\nwarnings.warn('x')", flags=["-Wignore"]),
    "-E": Attack(
        "import os, sys\nprint(sys.flags.optimize, os.environ.get('PYTHONOPTIMIZE'))\n" + TRAIN
        + "train()",
        flags=["-E"],
        env={"PYTHONOPTIMIZE": "2", "PYTHONPATH": None},
    ),
    "-I": Attack(
        "import os, sys\nprint(sys.flags.optimize, sys.flags.safe_path, sys.path)\n",
        flags=["-I"],
        env={"PYTHONOPTIMIZE": "2", "PYTHONPATH": None},
    ),
    "PYTHONUNBUFFERED and friends": Attack(
        _SHOWS, env={"PYTHONUNBUFFERED": "1", "PYTHONOPTIMIZE": "1", "PYTHONFAULTHANDLER": "1"}
    ),
    "PYTHONWARNINGS": Attack("import warnings\nwarnings.warn('x')", env={"PYTHONWARNINGS": "error"}),
    "PYTHONSAFEPATH": Attack("import part", files=_OWN, env={"PYTHONSAFEPATH": "1"}),
    "a sitecustomize of its own": Attack(
        "import builtins, sys\nprint(builtins.mark, 'sitecustomize' in sys.modules, "
        "sys.modules['sitecustomize'].__file__)\n" + TRAIN + "train()",
        files={"lib/sitecustomize.py": "import builtins\nbuiltins.mark = 1\n"},
        env={"PYTHONPATH": "SRC:lib"},
    ),
    "a sitecustomize that fails": Attack(
        "print(1)",
        files={"lib/sitecustomize.py": "1 / 0\n"},
        env={"PYTHONPATH": "SRC:lib"},
        same=("out", "code", "files"),
        limit="Python says so once for relume's own process too",
    ),
    "output in latin-1": Attack("print('ü')", env={"PYTHONIOENCODING": "latin-1"}),
    "output in ascii": Attack("print('\\u2713')", env={"PYTHONIOENCODING": "ascii:strict"}),
    "output in utf-16": Attack("print('ü')", env={"PYTHONIOENCODING": "utf-16"}),
    "a C locale": Attack(
        "import sys, locale\nprint(sys.stdout.encoding, locale.getpreferredencoding(), "
        "sys.getfilesystemencoding())",
        env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ),
    "input": Attack("print(input('? '), input())", stdin="a\nb\n"),
    "no input": Attack("print(input())", stdin=None),
    "input read after training": Attack(TRAIN + "train()\nimport sys\nprint(sys.stdin.read())", stdin="x\n"),
    "stdin closed": Attack("import os, sys\nos.close(0)\n" + TRAIN + "train()\nprint(sys.stdin.fileno())"),
    "an interactive console": Attack("import code\ncode.interact('', local={})", stdin="1 + 1\n"),
    "a debugger": Attack("x = 1\nbreakpoint()\nprint(x)", stdin="p x\nc\n"),
    "a module called rich": _shadow("rich"),
    "a module called typer": _shadow("typer"),
    "a module called click": _shadow("click"),
    "a module called jinja2": _shadow("jinja2"),
    "a module called pydantic": _shadow("pydantic"),
    "a module called launch": _shadow("launch"),
    "a module called supervise": _shadow("supervise"),
    "a module called record_script": _shadow("record_script"),
    "a module called sqlite3": _shadow_late("sqlite3"),
    "a module called statistics": _shadow_late("statistics"),
    "a module called joblib": _shadow_late("joblib"),
    "a module called cli": _shadow_late("cli"),
    "a folder called relume": Attack(
        TRAIN + "train()\nimport os\nprint(os.listdir('relume'))", files={"relume/notes.txt": "x"}
    ),
}  # fmt: skip
