"""A trial runner that draws its runs from a distribution: a whole trial in no time."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from relume.core.trial import Arm, Objective, TrialRun
from relume.trial.runner.job import Program
from relume.trial.scheduler import TrialSetting

Draw = Callable[[np.random.Generator], float]


class FakeRunner:
    """RunsByArm whose loss is `common(seed) + noise + gain of the arm`, broken with some chance."""

    def __init__(
        self,
        noise: Draw,
        gains: dict[str, float] | None = None,
        *,
        trial: int = 0,
        broken: dict[str, float] | None = None,
        objective: Objective | None = None,
    ) -> None:
        self.setting = TrialSetting(Program("train.py"), objective=objective)
        self.runs: dict[tuple[str, int], TrialRun] = {}
        self.cache_file = Path("nowhere")
        self.resumed = self.executed = self.confirmations = 0
        self._noise, self._gains, self._trial = noise, gains or {}, trial
        self._broken = broken or {}

    def run(self, arms: Sequence[Arm], seeds: Iterable[int]) -> None:
        for seed in seeds:
            for arm in arms:
                self.runs.setdefault((arm.name, seed), self._draw_run(arm, seed))

    def _draw_run(self, arm: Arm, seed: int) -> TrialRun:
        name = "base" if arm.role == "placebo" else arm.name  # a repeated run is the same run
        key = [self._trial, seed, *name.encode()]
        own = np.random.default_rng(key)
        common = np.random.default_rng([self._trial, seed]).normal(0, 0.3)
        chance = self._broken.get(arm.name, self._broken.get("", 0.0))
        gone = bool(own.random() < chance)
        loss = 1.0 + common + self._noise(own) - self._gains.get(arm.name, 0.0)
        metrics = {"loss": loss, "start": 2.3}
        return TrialRun(
            arm.name, seed, loss, gone, loss=((0, 2.3), (9, loss)), steps=10, metrics=metrics
        )


class Rare(FakeRunner):
    """One run in five of the base is ruined; in the others the arm is a little better, or not."""

    RUINED = 1.2
    ahead = True

    def _draw_run(self, arm: Arm, seed: int) -> TrialRun:
        rng = np.random.default_rng([self._trial, seed])
        value = 0.12 + 0.01 * float(rng.normal())
        ruined = rng.random() < 0.2
        if arm.name != "candidate":
            value = self.RUINED if ruined else value
        else:
            value -= 0.01 if self.ahead or rng.random() < 0.5 else -0.01
        metrics = {"loss": value, "start": 2.3}
        return TrialRun(arm.name, seed, value, loss=((0, 2.3), (9, value)), metrics=metrics)
