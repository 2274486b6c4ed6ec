"""A loss series with gaps, as the recorder's sleep leaves them, is told in true steps."""

import numpy as np

from relume.rules._outcome import _course


def test_steps_are_those_of_the_run_not_those_that_were_read() -> None:
    steps = np.concatenate([np.arange(256), np.arange(900, 916), np.arange(1984, 2000)])
    course = _course(steps, np.linspace(2.0, 1.0, len(steps)), None)
    assert course.numbers()["steps"] == 2000
    assert course.count == 288
