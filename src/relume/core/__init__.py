"""The nouns that every room shares: frozen dataclasses, standard library only.

`record` makes a `Trace`, `rules` read it and yield `Finding`s, `diagnosis` orders them into a
`Diagnosis`, `report` draws that. `trial` holds the nouns of treating and proving. Nothing here
computes more than a look-up.

In comes nothing; out go the types below, which every other room imports from here:

    from relume.core import Evidence, Finding, Severity, Trace

Files in reading order:

- `plural`: a number with its noun.
- `whole_file`: a file that is written whole or not at all.
- `severity`: fact, note, warning, error.
- `loss_stride`: how far apart the losses of a run lie.
- `jsonable`: what JSON can carry, and how a noun becomes that.
- `trace`: `Site`, `Series`, `Window`, `Fact`, `Trace`: one recorded run.
- `finding`: `Evidence`, `Finding`, `Checked`, `NotChecked`, `Outcome`, `Diagnosis`.
- `rule`: `Rule`: a code, a page, and a function from a trace to results.
- `card`: `Measured`, `Curve`, `Card`: what an act measurably is.
- `trial`: `Edit`, `Arm`, `TrialRun`, `Verdict`, `ArmSummary`, `Trial`, `Cure`.
"""

from typing import TYPE_CHECKING

from relume.core.card import Card as Card
from relume.core.card import Curve as Curve
from relume.core.card import Details as Details
from relume.core.card import Measured as Measured
from relume.core.finding import NEW_ROWS as NEW_ROWS
from relume.core.finding import SCHEMA as SCHEMA
from relume.core.finding import Checked as Checked
from relume.core.finding import Diagnosis as Diagnosis
from relume.core.finding import Evidence as Evidence
from relume.core.finding import Finding as Finding
from relume.core.finding import NotChecked as NotChecked
from relume.core.finding import Outcome as Outcome
from relume.core.finding import Result as Result
from relume.core.finding import Silenced as Silenced
from relume.core.jsonable import Value as Value
from relume.core.jsonable import plain as plain
from relume.core.rule import Rule as Rule
from relume.core.severity import Severity as Severity
from relume.core.trace import Fact as Fact
from relume.core.trace import Series as Series
from relume.core.trace import Site as Site
from relume.core.trace import Trace as Trace
from relume.core.trace import Window as Window

if TYPE_CHECKING:
    from relume.core.trace import Floats as Floats
    from relume.core.trace import Ints as Ints
