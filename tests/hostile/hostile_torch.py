"""What a program does with torch: its state, its modes, its errors, its numbers."""

from hostile_attack import TRAIN, Attack

_TRACE = """
import traceback
def caught(work):
    try: work()
    except BaseException: print(traceback.format_exc())
"""
_FAILING = """
class Bad(torch.nn.Module):
    def forward(self, x):
        return torch.nn.functional.linear(x, torch.ones(3, 5))
"""
_STATE = """
import random, numpy, gc
def state():
    return (torch.get_default_dtype(), torch.get_default_device(), torch.get_num_threads(),
        torch.get_num_interop_threads(), torch.are_deterministic_algorithms_enabled(),
        torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_anomaly_enabled(),
        torch.is_anomaly_check_nan_enabled(), torch.is_autocast_enabled("cpu"),
        torch.get_autocast_dtype("cpu"), torch.is_autocast_cache_enabled(),
        torch.get_float32_matmul_precision(), torch.backends.mkldnn.enabled,
        torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic,
        hashlib.sha256(torch.get_rng_state().numpy().tobytes()).hexdigest(),
        hashlib.sha256(repr(random.getstate()).encode()).hexdigest(),
        hashlib.sha256(numpy.random.get_state()[1].tobytes()).hexdigest(),
        gc.isenabled(), gc.get_threshold(), numpy.geterr(), torch._C._len_torch_function_stack())
"""
_LOOP = (
    TRAIN
    + """
def loop(model, optimizer, steps=8):
    for _ in range(steps):
        loss = (model(torch.randn(16, 4)) - 1).square().mean()
        optimizer.zero_grad(); loss.backward(); optimizer.step()
    print(loss.item().hex(), digest(model))
"""
)


def _with(text: str, **more: object) -> Attack:
    return Attack(_LOOP + text, **more)  # type: ignore[arg-type]


TORCH = {
    "the state at each step": Attack(
        TRAIN + _STATE + "random.seed(1); numpy.random.seed(1)\ntorch.manual_seed(2)\n"
        "train(each=lambda step: print(state()))\nprint(state())", fast=True,
    ),
    "a default dtype": _with("torch.set_default_dtype(torch.float64)\ntrain()"),
    "a default device": _with("torch.set_default_device('cpu')\ntrain()"),
    "a meta default device": _with(
        "with torch.device('meta'):\n    m = net(); o = torch.optim.SGD(m.parameters(), 0.1)\n"
        "    for _ in range(4):\n        m(torch.randn(3, 4)).sum().backward(); o.step()\n"
        "print(m[0].weight.grad.shape, m[0].weight.device)"
    ),
    "deterministic algorithms": _with("torch.use_deterministic_algorithms(True)\ntrain()"),
    "one thread, then two": _with("torch.set_num_threads(1)\ntrain()\ntorch.set_num_threads(2)\ntrain()"),
    "anomaly detection finds a NaN": _with(
        "x = torch.zeros(1, requires_grad=True)\n" + _TRACE +
        "train()\nwith torch.autograd.detect_anomaly():\n    y = (x * 0).sqrt() * 0\n"
        "    caught(lambda: y.sum().backward())\nprint(torch.is_anomaly_enabled())", fast=True,
    ),
    "anomaly detection in the first step": _with(
        _TRACE + "torch.autograd.set_detect_anomaly(True)\n"
        "x = torch.zeros(1, requires_grad=True)\ncaught(lambda: ((x * 0).sqrt() * 0).sum().backward())"
        "\ntrain()\nprint(torch.is_anomaly_enabled())"
    ),
    "anomaly detection switched on after the forward": _with(
        _TRACE + "x = torch.zeros(1, requires_grad=True)\ny = (x * 0).sqrt() * 0\n"
        "torch.autograd.set_detect_anomaly(True)\ncaught(lambda: y.sum().backward())",
        same=("out", "code", "files"),
        limit="torch's warning names the line of the forward, which python knows only with the mode on",
    ),
    "anomaly detection that stops the script": _with(
        "torch.autograd.set_detect_anomaly(True)\nm = net()\no = torch.optim.SGD(m.parameters(), 0.1)\n"
        "for k in range(9):\n    l = m(torch.randn(4, 4)).mean()\n"
        "    l = l + (l * 0).sqrt() * 0 if k == 5 else l\n    o.zero_grad(); l.backward(); o.step()\n"
        "    print(k)"
    ),
    "a function mode": _with(
        "from torch.overrides import TorchFunctionMode\nclass F(TorchFunctionMode):\n"
        "    def __torch_function__(self, f, t, a=(), k=None):\n"
        "        print(f.__name__, getattr(getattr(f, '__self__', None), '__name__', ''))\n"
        "        return f(*a, **(k or {}))\nwith F():\n    train(steps=4)\ntrain()", fast=True,
    ),
    "a dispatch mode": _with(
        "from torch.utils._python_dispatch import TorchDispatchMode\nclass D(TorchDispatchMode):\n"
        "    def __torch_dispatch__(self, f, t, a=(), k=None):\n        print(f)\n"
        "        return f(*a, **(k or {}))\nwith D():\n    train(steps=4)"
    ),
    "a flop counter": _with(
        "from torch.utils.flop_counter import FlopCounterMode\n"
        "with FlopCounterMode(display=False) as c:\n    train()\nprint(c.get_total_flops())"
    ),
    "a profiler": _with(
        "from torch.profiler import profile\nwith profile(record_shapes=True) as p:\n    train()\n"
        "print(sorted((e.key, e.count) for e in p.key_averages()))", same=("out", "code", "files"),
        limit="the profiler logs its own start with the time and the process",
    ),
    "a profiler that is stepped": _with(
        "from torch.profiler import profile, schedule\n"
        "p = profile(schedule=schedule(wait=1, warmup=1, active=3))\nwith p:\n"
        "    train(each=lambda s: p.step())\nprint(sorted((e.key, e.count) for e in p.key_averages()))",
        same=("out", "code", "files"), limit="the profiler logs its own start with the time and the process",
    ),
    "a parametrised mode": _with("with torch.autograd.graph.save_on_cpu():\n    train()"),
    "saved tensor hooks": _with(
        "n = []\nwith torch.autograd.graph.saved_tensors_hooks(lambda t: n.append(1) or t, "
        "lambda t: n.append(2) or t):\n    train()\nprint(len(n), n.count(2))"
    ),
    "an error in a forward": _with(
        _TRACE + _FAILING + "m = torch.nn.Sequential(torch.nn.Linear(4, 8), Bad())\n"
        "caught(lambda: m(torch.ones(2, 4)))\ntrain()\ncaught(lambda: m(torch.ones(2, 4)))", fast=True,
    ),
    "an error in a forward, uncaught": _with(
        _FAILING + "m = torch.nn.Sequential(torch.nn.Sequential(torch.nn.Linear(4, 8), Bad()))\n"
        "m(torch.ones(2, 4))"
    ),
    "an error in a forward with hooks": _with(
        _TRACE + _FAILING + "m = torch.nn.Sequential(torch.nn.Linear(4, 8), Bad())\n"
        "m.register_forward_hook(lambda *a: None)\ncaught(lambda: m(torch.ones(2, 4)))\ntrain()"
    ),
    "an error in a criterion": _with(
        _TRACE + "caught(lambda: torch.nn.BCELoss()(net()(torch.ones(2, 4)), torch.full((2, 1), 2.)))"
        "\ntrain()"
    ),
    "an error in backward": _with(
        _TRACE + "l = net()(torch.ones(2, 4)).sum()\nl.backward()\ncaught(l.backward)\n"
        "caught(lambda: net()(torch.ones(2, 4)).backward())\ntrain()",
    ),
    "an error in torch.autograd.grad": _with(
        _TRACE + "train()\nl = net()(torch.ones(2, 4)).sum()\n"
        "caught(lambda: torch.autograd.grad(l, [torch.ones(1, requires_grad=True)]))"
    ),
    "an error in a gradient scaler": _with(
        _TRACE + "train()\ns = torch.amp.GradScaler('cpu')\ncaught(lambda: s.scale(None))\n"
        "caught(s.update)"
    ),
    "an error in a backward hook": _with(
        _TRACE + "m = net()\nm[0].weight.register_hook(lambda g: 1 / 0)\n"
        "caught(lambda: m(torch.ones(2, 4)).sum().backward())\ntrain()"
    ),
    "an error in an optimizer": _with(
        _TRACE + "m = net()\no = torch.optim.SGD(m.parameters(), 0.1)\n"
        "caught(lambda: o.step(lambda: 1 / 0))\nloop(m, o)"
    ),
    "a deprecated argument": _with("train()\ntorch.autograd.backward(net()(torch.ones(1, 4)).sum(), grad_variables=None)"),
    "a scheduler before its optimizer": _with(
        "m = net(); o = torch.optim.SGD(m.parameters(), 0.1)\n"
        "s = torch.optim.lr_scheduler.StepLR(o, 2)\ns.step()\nloop(m, o)\nprint(s.get_last_lr())"
    ),
    "an empty batch": _with(
        "m = net(); o = torch.optim.SGD(m.parameters(), 0.1)\nfor n in (0, 3, 0, 0, 5):\n"
        "    o.zero_grad(); m(torch.randn(n, 4)).sum().backward(); o.step()\nprint(digest(m))"
    ),
    "an empty batch and a mean": _with(
        "m = net(); o = torch.optim.SGD(m.parameters(), 0.1)\n"
        "l = torch.nn.functional.mse_loss(m(torch.randn(0, 4)), torch.zeros(0, 1)); l.backward()\n"
        "o.step(); print(l, digest(m))"
    ),
    "a NaN from the first step": _with(
        "m = net(); o = torch.optim.SGD(m.parameters(), 1e30)\nloop(m, o)"
    ),
    "half precision": _with(
        "m = net().bfloat16(); o = torch.optim.SGD(m.parameters(), 0.1)\nfor _ in range(6):\n"
        "    l = m(torch.randn(8, 4).bfloat16()).square().mean(); o.zero_grad(); l.backward(); o.step()"
        "\nprint(l, [p.float().sum().item().hex() for p in m.parameters()])"
    ),
    "autocast and a scaler": _with(
        "m = net(); o = torch.optim.SGD(m.parameters(), 0.1); s = torch.amp.GradScaler('cpu')\n"
        "for _ in range(6):\n    with torch.autocast('cpu', torch.bfloat16):\n"
        "        l = m(torch.randn(8, 4)).square().mean()\n    o.zero_grad(); s.scale(l).backward()\n"
        "    s.step(o); s.update()\nprint(l.item().hex(), digest(m), s.get_scale())"
    ),
    "complex weights": _with(
        "w = torch.nn.Parameter(torch.randn(3, dtype=torch.cfloat)); o = torch.optim.SGD([w], 0.1)\n"
        "torch.manual_seed(0)\nfor _ in range(4):\n    o.zero_grad(); (w * 2).abs().sum().backward(); o.step()\n"
        "print(w.shape)"
    ),
    "double backward": _with(
        "m = net(); o = torch.optim.SGD(m.parameters(), 0.1)\nfor _ in range(5):\n"
        "    x = torch.randn(4, 4, requires_grad=True)\n"
        "    g, = torch.autograd.grad(m(x).sum(), x, create_graph=True)\n"
        "    o.zero_grad(); g.square().sum().backward(); o.step()\nprint(digest(m))"
    ),
    "backward twice with retain_graph": _with(
        "m = net(); o = torch.optim.SGD(m.parameters(), 0.1)\nfor _ in range(5):\n"
        "    l = m(torch.randn(4, 4)).sum(); o.zero_grad(); l.backward(retain_graph=True); l.backward()\n"
        "    o.step()\nprint(digest(m))"
    ),
    "backward of a vector": _with(
        "m = net(); o = torch.optim.SGD(m.parameters(), 0.1)\nfor _ in range(4):\n"
        "    y = m(torch.randn(4, 4)); y.backward(torch.ones_like(y)); o.step()\nprint(digest(m))"
    ),
    "backward into some inputs": _with(
        "m = net(); o = torch.optim.SGD(m.parameters(), 0.1)\nfor _ in range(4):\n"
        "    m(torch.randn(4, 4)).sum().backward(inputs=list(m[2].parameters())); o.step()\n"
        "print(digest(m), m[0].weight.grad)"
    ),
    "torch.autograd.backward of two": _with(
        "m = net()\ny = m(torch.randn(4, 4))\ntorch.autograd.backward([y.sum(), y.square().sum()])\n"
        "print(m[0].weight.grad.sum().item().hex())\ntrain()"
    ),
    "an edge of the graph": _with(
        "from torch.autograd.graph import get_gradient_edge as edge\ny = net()(torch.ones(2, 4)).sum()\n"
        "torch.autograd.backward(edge(y), torch.tensor(1.))\ntrain()"
    ),
    "functional transforms": _with(
        _TRACE + "from torch.func import grad, vmap\nf = lambda x: (x ** 2).sum()\n"
        "print(vmap(grad(f))(torch.ones(3, 2)))\ntrain()\n"
        "caught(lambda: vmap(lambda x: x.sum().backward())(torch.ones(2, 2, requires_grad=True)))"
    ),
    "checkpointing": _with(
        "from torch.utils.checkpoint import checkpoint as c\nm = net()\no = torch.optim.SGD(m.parameters(), 0.1)\n"
        "for r in (True, False) * 3:\n    x = torch.randn(4, 4, requires_grad=True)\n    o.zero_grad()\n"
        "    c(m, x, use_reentrant=r).sum().backward(); o.step()\nprint(digest(m))"
    ),
    "a function of its own": _with(
        "class F(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x): return x * 2\n"
        "    @staticmethod\n    def backward(ctx, g): print('back'); return g * 2\n"
        "m = net(); F.apply(m(torch.ones(1, 4))).sum().backward(); print(digest(m))"
    ),
    "L-BFGS": _with(
        "m = net(); o = torch.optim.LBFGS(m.parameters()); x = torch.randn(9, 4)\ndef f():\n"
        "    o.zero_grad(); l = m(x).square().mean(); l.backward(); return l\n"
        "for _ in range(3): print(o.step(f).item().hex())"
    ),
    "two optimizers in turn": _with(
        "a, b = net(), net()\nfor m in (a, b) * 3: loop(m, torch.optim.SGD(m.parameters(), 0.1), 2)"
    ),
    "an optimizer of its own": _with(
        "class O(torch.optim.Optimizer):\n    def __init__(s, p): super().__init__(p, {})\n"
        "    @torch.no_grad()\n    def step(s, closure=None):\n"
        "        for g in s.param_groups:\n            for p in g['params']: p -= 0.1 * p.grad\n"
        "m = net(); loop(m, O(m.parameters()))"
    ),
    "weights by hand": _with(
        "m = net()\nfor _ in range(6):\n    m(torch.randn(4, 4)).square().mean().backward()\n"
        "    for p in m.parameters(): p.data -= 0.1 * p.grad; p.grad = None\nprint(digest(m))"
    ),
    "TorchScript": _with("m = torch.jit.script(net()); loop(m, torch.optim.SGD(m.parameters(), 0.1))"),
    "torch.compile without a compiler": _with(
        "m = net(); c = torch.compile(m, backend='eager')\no = torch.optim.SGD(m.parameters(), 0.1)\n"
        "for _ in range(6):\n    o.zero_grad(); c(torch.randn(4, 4)).sum().backward(); o.step()\n"
        "print(digest(m))"
    ),
    "an evaluation in between": _with(
        "def each(s):\n    with torch.no_grad(): print(net().eval()(torch.ones(1, 4)).item().hex())\n"
        "train(each=each)"
    ),
    "inference mode": _with(
        "with torch.inference_mode():\n    print(net()(torch.ones(1, 4)))\ntrain()"
    ),
    "a model that is copied and pickled": _with(
        "import copy, pickle\nm = train()\nn = pickle.loads(pickle.dumps(copy.deepcopy(m)))\n"
        "print(digest(n), sorted(vars(n)))\ntrain(n)"
    ),
    "a model that is saved each step": _with(
        "m = net()\ntrain(m, each=lambda s: torch.save(m.state_dict(), f'{s}.pt'))\n"
        "print(len(torch.load('3.pt')))"
    ),
    "hooks of its own": _with(
        "n = []\nh = torch.nn.modules.module.register_module_forward_hook(lambda *a: n.append(1))\n"
        "train(); h.remove(); print(len(n))\n"
        "torch.optim.optimizer.register_optimizer_step_post_hook(lambda *a: n.append(2))\ntrain()\n"
        "print(len(n))"
    ),
    "what the loss is held by": _with(
        "import sys, weakref\nm = net()\nl = m(torch.ones(2, 4)).sum(); l.backward()\n"
        "print(sys.getrefcount(l)); r = weakref.ref(l); del l; print(r() is None)\n"
        "r = weakref.ref(m); del m; print(r() is None)"
    ),
    "tensors that live on": _with(
        "import gc\ntrain(steps=20)\ngc.collect()\n"
        "print(sum(type(o) is torch.Tensor and o.requires_grad for o in gc.get_objects()))"
    ),
    "the collector switched off": _with("import gc\ngc.disable()\ntrain()\nprint(gc.isenabled())"),
    "the collector frozen": _with("import gc\ngc.freeze()\ntrain()\nprint(gc.isenabled())"),
    "callbacks of the collector": _with("import gc\ntrain()\nprint(gc.callbacks, gc.get_debug())"),
    "warnings as errors": _with("import warnings\nwarnings.simplefilter('error')\ntrain()"),
    "a warning shown once": _with(
        "import warnings\ndef each(s): warnings.warn('again')\ntrain(each=each)\ntrain(each=each)"
    ),
    "a tracer of its own": _with(
        "import sys\nn = []\nsys.setprofile(lambda f, e, a: n.append(1) if 'script' in "
        "f.f_code.co_filename else None)\ntrain()\nsys.setprofile(None)\nprint(len(n))"
    ),
    "numpy's error state": _with(
        "import numpy as np\nnp.seterr(all='raise')\ntrain(steps=20)\nprint(np.geterr())"
    ),
    "tensor subclasses": _with(
        "class T(torch.Tensor): pass\nm = net(); o = torch.optim.SGD(m.parameters(), 0.1)\n"
        "for _ in range(4):\n    l = m(torch.randn(4, 4).as_subclass(T)).sum(); o.zero_grad()\n"
        "    l.backward(); o.step()\nprint(type(l).__name__, digest(m))"
    ),
    "a loss that is an integer's": _with(_TRACE + "caught(lambda: torch.tensor(3).backward())\ntrain()"),
    "a model without weights": _with(
        _TRACE + "caught(lambda: torch.nn.ReLU()(torch.ones(2)).sum().backward())\ntrain()"
    ),
}  # fmt: skip
