"""How a program ends: exit codes, exceptions, signals, threads, atexit."""

import signal

from hostile_attack import TRAIN, Attack

_SLEEP = "import time\ntime.sleep(60)\n"
_READY = "print('ready', flush=True)\n"

ENDS = {
    "nothing at all": Attack(""),
    "sys.exit()": Attack("import sys\nsys.exit()"),
    "sys.exit(3)": Attack("import sys\nsys.exit(3)", fast=True),
    "sys.exit(256)": Attack("import sys\nsys.exit(256)"),
    "sys.exit(-1)": Attack("raise SystemExit(-1)"),
    "sys.exit with words": Attack("import sys\nsys.exit('no data')"),
    "sys.exit with a float": Attack("raise SystemExit(2.5)"),
    "sys.exit after training": Attack(TRAIN + "train()\nraise SystemExit(7)"),
    "SystemExit in a chain": Attack("import sys\ntry:\n    1 / 0\nfinally:\n    sys.exit(4)"),
    "os._exit": Attack("import os\nprint('x', flush=True)\nos._exit(9)"),
    "os._exit after training": Attack(TRAIN + "import os\ntrain()\nos._exit(9)"),
    "os.abort": Attack("import os\nos.abort()"),
    "an exception": Attack("def f():\n    1 / 0\nf()\n"),
    "an exception after training": Attack(TRAIN + "train()\n{}['late']", fast=True),
    "a chained exception": Attack(
        "try:\n    {}['a']\nexcept KeyError as e:\n    raise ValueError from e\n"
    ),
    "an exception group": Attack("raise ExceptionGroup('many', [ValueError(1), KeyError(2)])"),
    "an exception with notes": Attack("e = ValueError('x')\ne.add_note('note')\nraise e"),
    "an exception whose words fail": Attack(
        "class E(Exception):\n    def __str__(self):\n        raise ValueError\nraise E"
    ),
    "a BaseException": Attack("class E(BaseException): pass\nraise E('x')"),
    "a syntax error": Attack("x = = 1\n"),
    "a syntax error in a module": Attack("import part", files={"part.py": "def f(:\n"}),
    "a null byte": Attack("x = 1\0\n"),
    "a wrong encoding": Attack("# coding: no-such-codec\nprint(1)"),
    "an import error": Attack("import helper_that_is_not_there\n"),
    "recursion": Attack("def f(n):\n    return f(n + 1)\nf(0)"),
    "KeyboardInterrupt raised": Attack("raise KeyboardInterrupt", fast=True),
    "KeyboardInterrupt in training": Attack(
        TRAIN + "def stop(step):\n    if step == 5: raise KeyboardInterrupt\ntrain(each=stop)"
    ),
    "KeyboardInterrupt caught": Attack(
        TRAIN + "try:\n    raise KeyboardInterrupt\nexcept KeyboardInterrupt:\n    train()"
    ),
    "SIGINT from outside": Attack(TRAIN + "train()\n" + _READY + _SLEEP, send=[signal.SIGINT]),
    "SIGINT before torch": Attack(_READY + _SLEEP, send=[signal.SIGINT]),
    "SIGTERM from outside": Attack(TRAIN + "train()\n" + _READY + _SLEEP, send=[signal.SIGTERM]),
    "SIGHUP from outside": Attack(_READY + _SLEEP, send=[signal.SIGHUP]),
    "SIGUSR1 from outside": Attack(_READY + _SLEEP, send=[signal.SIGUSR1]),
    "a SIGTERM handler of its own": Attack(
        TRAIN + "import signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('saved'), sys.exit(0)))\n"
        "train()\n" + _READY + _SLEEP,
        send=[signal.SIGTERM],
    ),
    "a SIGINT handler of its own": Attack(
        "import signal\nsignal.signal(signal.SIGINT, lambda *_: (print('mine'), exit(5)))\n"
        + _READY
        + _SLEEP,
        send=[signal.SIGINT],
    ),
    "SIGUSR2 twice to a handler": Attack(
        "import signal, time\nn = []\nsignal.signal(signal.SIGUSR2, lambda *_: n.append(1))\n"
        "for k in (1, 2):\n    print('ready', flush=True)\n"
        "    while len(n) < k: time.sleep(0.01)\nprint(n)",
        send=[signal.SIGUSR2, signal.SIGUSR2],
    ),
    "SIGINT ignored": Attack(
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        + _READY
        + "time.sleep(0.3)\nprint('on')",
        send=[signal.SIGINT],
    ),
    "killed by itself": Attack("import os\nos.kill(os.getpid(), 9)"),
    "a segmentation fault": Attack(TRAIN + "import os\ntrain()\nos.kill(os.getpid(), 11)"),
    "a fault with faulthandler": Attack(
        "import faulthandler, os\nfaulthandler.enable()\nos.kill(os.getpid(), 11)",
        same=("out", "code", "files"),
        limit="the handler prints the thread's address",
    ),
    "a broken pipe signal": Attack(
        "import os, signal\nsignal.signal(signal.SIGPIPE, signal.SIG_DFL)\n"
        "r, w = os.pipe()\nos.close(r)\nos.write(w, b'x')"
    ),
    "an alarm": Attack("import signal, time\nsignal.alarm(1)\ntime.sleep(9)"),
    "sys.exit in a thread": Attack(
        "import sys, threading\nt = threading.Thread(target=lambda: sys.exit(3))\n"
        "t.start(); t.join()\nprint('on')"
    ),
    "an exception in a thread": Attack(
        "import threading\ndef f(): 1 / 0\n"
        "t = threading.Thread(target=f, name='worker'); t.start(); t.join()"
    ),
    "a thread that outlives main": Attack(
        TRAIN + "import threading, time\n"
        "def late():\n    time.sleep(0.2); train()\n"
        "threading.Thread(target=late).start()\nprint('main is over')"
    ),
    "a daemon thread": Attack(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(9,), daemon=True).start()"
        "\nprint('over')"
    ),
    "atexit in order": Attack(
        "import atexit\natexit.register(print, 1)\n"
        + TRAIN
        + "atexit.register(print, 2)\ntrain()\natexit.register(print, 3)",
    ),
    "atexit that raises": Attack(
        "import atexit\n@atexit.register\ndef f(): 1 / 0\nprint(1)",
        same=("out", "code", "files"),
        limit="Python prints the callback's address",
    ),
    "atexit that exits": Attack(TRAIN + "import atexit, os\natexit.register(os._exit, 6)\ntrain()"),
    "an excepthook": Attack(
        "import sys\nsys.excepthook = lambda t, e, b: print('hook', t.__name__, b.tb_next)\n1 / 0"
    ),
    "an excepthook that fails": Attack(
        "import sys\ndef hook(*_): raise ValueError\nsys.excepthook = hook\n1 / 0"
    ),
    "an unraisable": Attack(
        "class A:\n    def __del__(self): 1 / 0\nA()\nprint('on')",
        same=("out", "code", "files"),
        limit="Python prints the method's address",
    ),
    "an object that dies at the end": Attack(
        TRAIN + "class A:\n    def __del__(self, p=print): p('gone')\na = A()\ntrain()"
    ),
    "stdout replaced": Attack(
        TRAIN + "import io, sys\nsys.stdout = io.StringIO()\ntrain()\nsys.stderr.write('x\\n')"
    ),
    "stdout closed": Attack(TRAIN + "import sys\ntrain()\nsys.stdout.close()"),
    "buffered output": Attack("import sys\nsys.stdout.write('no newline')\nsys.stderr.write('e')"),
    "descriptor 1 closed": Attack("import os\nos.close(1)\nprint('x')"),
}
