"""What was silenced is said in a line."""

import story_of_a_death as story
from test_formats import CASES

from relume.report.words.suppressed_summary import summary


def test_what_was_silenced_is_said() -> None:
    told, gone = summary(CASES["silenced"])
    assert told == "2 silenced (1 by comment, 1 by baseline)."
    assert gone == "1 finding of the baseline no longer there: ACT401 net.9."
    assert summary(story.SICK) == []
