"""What a program starts: children, threads, event loops, other programs."""

from hostile_attack import TRAIN, Attack

_CHILD = (
    "import sys\nprint('child', sys.argv[1:], sorted(m for m in sys.modules if 'relume' in m))\n"
)
_MAIN = "if __name__ == '__main__':\n"


def _methods(body: str) -> dict[str, Attack]:
    """The same for each way in which Python starts processes."""
    text = TRAIN + "import multiprocessing as mp\ndef work(n):\n    return n * n\n" + _MAIN
    return {
        f"multiprocessing by {method}": Attack(
            text + f"    train()\n    c = mp.get_context('{method}')\n" + body
        )
        for method in ("fork", "spawn", "forkserver")
    }


PROCESSES = {
    "os.fork": Attack(
        "import os\npid = os.fork()\nif pid == 0:\n    raise SystemExit(5)\n"
        "print(os.waitpid(pid, 0)[1])",
    ),
    "os.fork after training": Attack(
        TRAIN + "import os\ntrain()\npid = os.fork()\nif pid == 0:\n    raise SystemExit(0)\n"
        "print(os.waitpid(pid, 0)[1])\ntrain()", fast=True,
    ),
    "a forked child that trains": Attack(
        TRAIN + "import os\nm = train()\npid = os.fork()\nif pid == 0:\n    train(m)\n"
        "    raise ValueError('child')\nprint(os.waitpid(pid, 0)[1])\ntrain()"
    ),
    "a forked child that ends first": Attack(
        TRAIN + "import os\ndef each(s):\n    if s == 3:\n        p = os.fork()\n"
        "        if not p: os._exit(0)\n        os.waitpid(p, 0)\ntrain(each=each)"
    ),
    "a daemon by two forks": Attack(
        "import os, sys, time\nr, w = os.pipe()\nif os.fork() == 0:\n    os.setsid()\n"
        "    if os.fork() == 0:\n        time.sleep(0.2); os.write(w, b'x')\n    os._exit(0)\n"
        "os.wait(); print(os.read(r, 1))"
    ),
    **_methods("    p = c.Process(target=print, args=('child',)); p.start(); p.join(); print(p.exitcode)\n"
               "    with c.Pool(2) as pool: print(pool.map(work, range(4)))\n    train()\n"),
    "a child that fails": Attack(
        "import multiprocessing as mp\ndef f(): raise SystemExit(3)\n" + _MAIN +
        "    p = mp.get_context('fork').Process(target=f); p.start(); p.join(); print(p.exitcode)"
    ),
    "a pool of futures": Attack(
        TRAIN + "from concurrent.futures import ProcessPoolExecutor as P\n"
        "import multiprocessing as mp\n" + _MAIN + "    train()\n"
        "    with P(1, mp_context=mp.get_context('spawn')) as p: print(list(p.map(abs, [-1, -2])))"
    ),
    "joblib": Attack(
        TRAIN + "from joblib import Parallel, delayed\n" + _MAIN + "    train()\n"
        "    print(Parallel(n_jobs=2)(delayed(abs)(-k) for k in range(3)))"
    ),
    "a data loader with workers": Attack(
        TRAIN + "from torch.utils.data import DataLoader, TensorDataset as T\n" + _MAIN +
        "    for b, in DataLoader(T(torch.arange(8.)), batch_size=3, num_workers=2): print(b)\n"
        "    train()"
    ),
    "torch's own spawn": Attack(
        TRAIN + "def work(rank):\n    train()\n" + _MAIN +
        "    torch.multiprocessing.spawn(work, nprocs=1)\n    train()"
    ),
    "the script calls python": Attack(
        "import subprocess, sys\nprint(subprocess.run([sys.executable, 'child.py', 'a'], "
        "capture_output=True, text=True))",
        files={"child.py": _CHILD + TRAIN + "train()\nprint(sorted(m for m in sys.modules if 'relume' in m))"},
    ),
    "os.system": Attack("import os\nprint(os.system('exit 3'), os.system('echo x; env | grep -c RELUME'))"),
    "the script becomes another": Attack(
        "import os, sys\nos.execv(sys.executable, [sys.executable, 'child.py'])",
        files={"child.py": _CHILD},
    ),
    "its parent gone": Attack(
        "import os\nprint(os.getpgrp() == os.getsid(0))",
        limit="the process group's leader is relume's process, as a shell's job",
    ),
    "asyncio": Attack(
        TRAIN + "import asyncio\nasync def main():\n    await asyncio.to_thread(train)\n    train()\n"
        "    p = await asyncio.create_subprocess_exec('echo', 'x', stdout=-1)\n"
        "    print(await p.communicate())\nasyncio.run(main())"
    ),
    "asyncio with a signal handler": Attack(
        "import asyncio, signal, os\nasync def main():\n    e = asyncio.Event()\n"
        "    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, e.set)\n"
        "    os.kill(os.getpid(), 15); await e.wait(); print('soft')\nasyncio.run(main())"
    ),
    "training in a thread": Attack(
        TRAIN + "import threading\nt = threading.Thread(target=train); t.start(); t.join()\ntrain()"
    ),
    "a timer signal while it trains": Attack(
        TRAIN + "import signal\nn = []\nsignal.signal(signal.SIGALRM, lambda *a: n.append(1))\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)\ntrain(steps=60)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0)\nprint(len(n) > 0)"
    ),
    "SIGCHLD of its own": Attack(
        "import os, signal\nn = []\nsignal.signal(signal.SIGCHLD, lambda *a: n.append(1))\n"
        "os.system('true'); p = os.fork()\nif not p: os._exit(0)\nos.waitpid(p, 0); print(len(n))"
    ),
    "another folder": Attack(
        TRAIN + "import os\nos.makedirs('out'); os.chdir('out')\ntrain()\nopen('x.txt', 'w').write('1')"
    ),
    "its folder removed": Attack(
        TRAIN + "import os, shutil\nos.makedirs('gone'); os.chdir('gone'); shutil.rmtree('../gone')\n"
        "train()"
    ),
    "logging": Attack(
        TRAIN + "import logging\nlogging.basicConfig(level=0, format='%(name)s %(message)s')\n"
        "print(logging.root.handlers)\nlogging.getLogger('a').info('x')\n"
        "print(sorted(n for n in logging.root.manager.loggerDict if 'relume' in n))",
        same=("err", "code", "files"), limit="a handler prints its address",
    ),
    "pytest inside": Attack(
        "import pytest, sys\nsys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', 'test_it.py', "
        "'--no-header', '-rA', '--durations=0', '--tb=short']))",
        files={"test_it.py": TRAIN + "def test_a(): train()\ndef test_b(): assert 1 == 2\n"},
        same=("code", "files"), limit="pytest prints how long it took",
    ),
    "-m pytest -W error": Attack(
        "", files={"test_it.py": TRAIN + "def test_a(capsys): train()\n"},
        target=["-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "test_it.py"],
        same=("code", "err", "files"), limit="pytest prints how long it took",
    ),
    "-m unittest": Attack(
        "", files={"test_it.py": TRAIN + "import unittest\nclass A(unittest.TestCase):\n"
                   "    def test_a(self): train()\n    def test_b(self): self.fail()\n"},
        target=["-m", "unittest", "test_it"], same=("code", "out", "files"),
        limit="unittest prints how long it took",
    ),
    "-m json.tool": Attack("", target=["-m", "json.tool"], stdin='{"a": 1}'),
    "-m timeit of nothing": Attack("", target=["-m", "this"]),
    "files left behind": Attack(
        TRAIN + "import tempfile, os\nm = train()\ntorch.save(m.state_dict(), 'm.pt')\n"
        "open('log.txt', 'a').write('x')\nos.makedirs('d/e'); open('d/e/f', 'wb').write(b'1')"
    ),
    "deleted by the script": Attack(
        TRAIN + "train()\nimport shutil\nshutil.rmtree('../runs', ignore_errors=True)\ntrain()",
        same=("out", "code", "files"), limit="relume says that its run file was deleted",
    ),
    "no file may be opened any more": Attack(
        TRAIN + "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))\ntrain()"
    ),
    "builtins replaced": Attack(
        TRAIN + "import builtins, json, os\nbuiltins.open = builtins.print = json.dumps = None\n"
        "os.getpid = lambda: 1\ntry:\n    train()\nexcept TypeError as e:\n    raise SystemExit(str(e))"
    ),
    "time replaced": Attack(TRAIN + "import time\ntime.time = time.perf_counter = lambda: 0.0\ntrain()"),
}  # fmt: skip
