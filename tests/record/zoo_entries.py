"""The zoo: small trainings in the forms in which people write acts, and the sites of each.

Used by the zoo tests, the no-trace tests and `zoo_table.py`, which makes docs/zoo.md.
"""

from zoo_forms import FORMS
from zoo_kinds import Entry
from zoo_layers import LAYERS
from zoo_libraries import LIBRARIES
from zoo_loops import LOOPS

GROUPS: dict[str, dict[str, Entry]] = {
    "Forms of a call": FORMS,
    "Layers": LAYERS,
    "Models of other libraries": LIBRARIES,
    "Training loops": LOOPS,
}
ZOO: dict[str, Entry] = {name: one for group in GROUPS.values() for name, one in group.items()}
