"""The zoo: training loops."""

from __future__ import annotations

from threading import Thread

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from zoo_kinds import Entry, Functional, Training, classifying, one


def threads() -> Training:
    """Data parallel by hand: the halves of a batch go through the model in two threads."""
    model = Functional(torch.relu)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def step() -> float:
        halves, found = torch.randn(2, 8, 6), [torch.empty(0)] * 2

        def forward(index: int) -> None:
            found[index] = model(halves[index])

        workers = [Thread(target=forward, args=(index,)) for index in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        loss = F.cross_entropy(torch.cat(found), torch.randint(0, 3, (16,)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return Training((model,), step)


def evaluated() -> Training:
    """Evaluations between steps, with and without gradients, on data a hundred times larger."""
    model = Functional(torch.relu)
    train = classifying(model)

    def step() -> float:
        loss = train.step()
        model.eval()
        with torch.no_grad():
            model(100 * torch.ones(4, 6))
        model(-100 * torch.ones(4, 6))  # and one that forgot no_grad
        model.train()
        return loss

    return Training((model,), step)


def accumulated() -> Training:
    model = Functional(torch.relu)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for _ in range(4):
            loss = F.cross_entropy(model(torch.randn(8, 6)), torch.randint(0, 3, (8,))) / 4
            loss.backward()
            total += loss.item()
        optimizer.step()
        return total

    return Training((model,), step)


def siamese() -> Training:
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def step() -> float:
        one_side, other = model(torch.randn(16, 6)), model(torch.randn(16, 6))
        loss = (one_side - other).square().mean() + (1 - one_side.std(0)).relu().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return Training((model,), step)


def gan() -> Training:
    """Two networks in a ModuleDict that is never called, two optimisers."""
    nets = nn.ModuleDict(
        {
            "G": nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)),
            "D": nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1)),
        }
    )
    g, d = (torch.optim.Adam(nets[name].parameters(), 1e-3) for name in "GD")
    judge = nn.BCEWithLogitsLoss()

    def step() -> float:
        fake = nets["G"](torch.randn(16, 4))
        real, made = nets["D"](torch.randn(16, 2)), nets["D"](fake.detach())
        d.zero_grad()
        first = judge(real, torch.ones(16, 1)) + judge(made, torch.zeros(16, 1))
        first.backward()
        d.step()
        g.zero_grad()
        second = judge(nets["D"](fake), torch.ones(16, 1))
        second.backward()
        g.step()
        return first.item() + second.item()

    return Training((nets,), step)


def two_optimizers() -> Training:
    model = Functional(torch.relu)
    pair = (
        torch.optim.SGD(model.fc1.parameters(), 0.1),
        torch.optim.Adam(model.fc2.parameters(), 1e-2),
    )

    def step() -> float:
        loss = F.cross_entropy(model(torch.randn(16, 6)), torch.randint(0, 3, (16,)))
        for optimizer in pair:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in pair:
            optimizer.step()
        return loss.item()

    return Training((model,), step)


def lbfgs() -> Training:
    model = Functional(torch.tanh)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3)
    x, y = torch.randn(16, 6), torch.arange(16) % 3

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        return loss

    return Training((model,), lambda: optimizer.step(closure).item())


def scaled(dtype: torch.dtype = torch.bfloat16) -> Training:
    """Mixed precision with loss scaling, and a step that overflows now and then."""
    model = Functional(torch.relu)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12, growth_interval=5)
    count = 0

    def step() -> float:
        nonlocal count
        count += 1
        with torch.autocast("cpu", dtype=dtype):
            out = model(torch.randn(16, 6))
            loss = F.cross_entropy(out.float(), torch.randint(0, 3, (16,)))
        optimizer.zero_grad()
        big = loss * (float("inf") if count % 7 == 3 else 1.0)  # as an overflow would
        scaler.scale(big).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        return loss.item()

    return Training((model,), step)


def autocast() -> Training:
    model = Functional(F.gelu)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def step() -> float:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = F.cross_entropy(model(torch.randn(16, 6)), torch.randint(0, 3, (16,)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return Training((model,), step)


def penalised() -> Training:
    """A gradient penalty: the graph is walked twice, and kept in between."""
    model = Functional(torch.tanh)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def step() -> float:
        x = torch.randn(16, 6, requires_grad=True)
        out = model(x)
        (slope,) = torch.autograd.grad(out.sum(), x, create_graph=True)
        loss = F.cross_entropy(out, torch.randint(0, 3, (16,)))
        loss = loss + slope.square().sum(1).mean()
        optimizer.zero_grad()
        loss.backward(retain_graph=True)
        (0.1 * loss).backward()
        optimizer.step()
        return loss.item()

    return Training((model,), step)


def functorch() -> Training:
    """Gradients by torch.func: backward() is never called."""
    model = Functional(torch.relu)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    named = dict(model.named_parameters())

    def loss_of(parameters: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        out = torch.func.functional_call(model, parameters, (x[None],))
        return F.cross_entropy(out, y[None])

    each = torch.func.vmap(torch.func.grad_and_value(loss_of), in_dims=(None, 0, 0))

    def step() -> float:
        held = {name: p.detach() for name, p in named.items()}
        grads, losses = each(held, torch.randn(8, 6), torch.randint(0, 3, (8,)))
        for name, parameter in named.items():
            parameter.grad = grads[name].mean(0)
        optimizer.step()
        return losses.mean().item()

    return Training((model,), step)


def compiled(model: nn.Module | None = None) -> Training:
    model = model or Functional(torch.relu)
    return Training((model,), classifying(torch.compile(model, backend="aot_eager")).step)


EXACT = {"exact": True}  # recorded steps run eagerly otherwise, which may round apart

LOOPS: dict[str, Entry] = {
    "threads": Entry(
        threads,
        [("relu()", "relu", "fc1", "hidden"), ("relu()#2", "relu", "fc1", "hidden")],
        lines=False,  # anomaly mode is the thread's that switched it on
    ),
    "evaluation between steps": Entry(evaluated, one("relu()", "relu")),
    "gradient accumulation": Entry(accumulated, one("relu()", "relu")),
    "Siamese": Entry(
        siamese,
        [
            ("1", "relu", "0", "hidden"),
            ("1#2", "relu", "0", "hidden"),
        ],
    ),
    "GAN in a ModuleDict": Entry(
        gan,
        [
            ("G.1", "relu", "G.0", "hidden"),
            ("D.1", "leaky_relu", "D.0", "hidden"),
            ("D.1#2", "leaky_relu", "D.0", "hidden"),
        ],
    ),
    "two optimisers": Entry(two_optimizers, one("relu()", "relu")),
    "LBFGS closure": Entry(lbfgs, one("tanh()", "tanh")),
    "autocast": Entry(autocast, one("gelu()", "gelu")),
    "GradScaler": Entry(scaled, one("relu()", "relu")),
    "gradient penalty": Entry(penalised, one("tanh()", "tanh")),
    "torch.func": Entry(functorch, [], [("", "torch.func")]),
    "torch.compile": Entry(compiled, one("relu()", "relu"), exactly=EXACT),
}
