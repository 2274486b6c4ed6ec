"""Reports this process's rank in a distributed run, and the steps that all ranks record.

The rank is read from ``RANK`` and ``WORLD_SIZE``, as torchrun sets them, or from
`torch.distributed` where a process group is open before recording begins. The recorder sends no
collective: on the user's process group it could pair with one of the user's and make the training
hang. So ranks agree on their steps by arithmetic (`step_schedule`).
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Rank:
    """This process among the processes that train one model.

    Attributes:
        rank: from 0.
        world: how many there are, 2 or more.
        job: the same for all ranks of one launch, and as far as known different for other launches.
    """

    rank: int
    world: int
    job: str

    def meta(self) -> dict[str, Any]:
        """Return the run file's metadata about the rank."""
        return {"rank": self.rank, "world": self.world, "job": self.job}


def this_rank(environment: Mapping[str, str] = os.environ) -> Rank | None:
    """Return this process's rank; None where it trains alone.

    Example:
        >>> this_rank({"RANK": "1", "WORLD_SIZE": "4", "MASTER_ADDR": "a"}).rank
        1
        >>> this_rank({"RANK": "0", "WORLD_SIZE": "1"}) is None
        True
    """
    rank, world = environment.get("RANK", ""), environment.get("WORLD_SIZE", "")
    numbers = rank.isdigit() and world.isdigit()
    rank_and_world = (int(rank), int(world)) if numbers else _from_torch()
    if (
        rank_and_world is None
        or not 0 <= rank_and_world[0] < rank_and_world[1]
        or rank_and_world[1] < 2
    ):
        return None
    return Rank(*rank_and_world, _job(environment, rank_and_world[1]))


supervisors_parent: int | None = None
"""The parent of the process that started this one to record it (`relume run`); None without."""


def _from_torch() -> tuple[int, int] | None:
    distributed: Any = sys.modules.get("torch.distributed")  # if it is not loaded, no group is open
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return None
    return int(distributed.get_rank()), int(distributed.get_world_size())


def _job(environment: Mapping[str, str], world: int) -> str:
    names = ("TORCHELASTIC_RUN_ID", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RESTART_COUNT")
    parts = [environment.get(name, "") for name in names]
    if environment.get("LOCAL_WORLD_SIZE") == str(world):
        parts.append(str(supervisors_parent or os.getppid()))  # all ranks have one parent process
    return "/".join(parts)
