"""All cases: families x architectures x acts x optimisers x seeds, split before any tuning.

Seed 0 is for tuning and seed 1 is held out; of the families in `UNSEEN` every case is held out,
so that a rule can be tuned to none of them.
"""

from collections.abc import Callable
from functools import partial

from zoo_faults import ENTRIES, broken
from zoo_healthy import HARD, PLAIN
from zoo_nets import Setup, build
from zoo_run import Case

UNSEEN = frozenset(
    {
        *("sigmoid-on-logits", "negative-targets", "zero-weights", "huge-inputs", "root-of-zero"),
        *(
            "wrong-parameters",
            "drowned-smooth",
            "mixture-of-experts",
            "zero-branches",
            "contrastive",
        ),
    }
)
SEEDS = (0, 1)


def part(family: str, seed: int) -> str:
    return "hold" if seed % 2 or family in UNSEEN else "tune"


def faulty() -> list[Case]:
    found: list[Case] = []
    for entry in ENTRIES:
        family, _, codes, site, places = entry
        for arch, act, optimizer in places:
            for seed in SEEDS:
                make: Callable[[], Setup] = partial(broken, entry, arch, act)
                where = part(family, seed)
                found.append(Case(family, arch, act, optimizer, seed, make, codes, site, where))
    return found


def healthy() -> list[Case]:
    found: list[Case] = []
    for arch, act, optimizer in PLAIN:
        for seed in SEEDS:
            make: Callable[[], Setup] = partial(build, arch, act)
            found.append(Case("plain", arch, act, optimizer, seed, make, part=part(arch, seed)))
    for family, (make, optimizer) in HARD.items():
        for seed in SEEDS:
            where = part(family, seed)
            found.append(Case(family, "hard", "-", optimizer, seed, make, part=where))
    return found


CASES: tuple[Case, ...] = (*faulty(), *healthy())
