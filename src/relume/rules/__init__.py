"""Rules: each reads a trace and says what is wrong, what is fine, and what it could not check.

In comes a `relume.core.Trace`: series, per-unit windows, facts and sites, as plain numbers. Out
come `Finding`, `Checked` and `NotChecked`, at least one of them for every trace. Rules import NumPy
and `relume.core` alone, never torch. `relume.diagnosis` runs them all, caps severities by the
outcome of the run and links findings by cause.

A rule is one file in the folder of its family. Its docstring is its page (`relume explain NAME`),
its first line holds code and name, and its last line binds a `Rule`. `registry.discover` reads the
folders, so no list names the rules; docs/extend/rule.md adds one.

Families: `collection` (ACT0), `structure` (ACT1), `output` (ACT2), `initialisation` (ACT3), `dead`
(ACT4), `saturation` (ACT5), `gradients` (ACT6), `inputs` (ACT7), `numerics` (ACT8),
`wiring` (ACT9).

What rules share, in reading order:

- `page`: reads a docstring's first line, and makes the rule's results.
- `series_tools`: series, sites and steps of a trace, and the least evidence of several rules.
- `unit_windows`: per-unit counters added up over windows; which units are dead.
- `outcome`: judges the run by its loss; `alternating_losses` does so for a GAN.
- `severity_policy`: caps severities by that outcome.
- `trial_lessons`: puts first what trials cured, and last what they refuted.
- `cause_graph`: links findings by cause.
- `init_advice`: which initialisation suits an act, in words.
- `dead_layers`, `hyperplane_distance`: for the rules of dead units.
- `gradient_profile`: decades of gradient over depth.
- `head_facts`: heads with their criteria.
- `non_finite`: where values are not finite.
- `wiring_facts`: which parameters get a gradient, and which the optimiser holds.

    >>> from relume.core import Trace
    >>> from relume.rules.gradients.learning_rate_high import RULE
    >>> [result.reason for result in RULE.check(Trace({}))]
    ['no update of a weight was seen']
"""
