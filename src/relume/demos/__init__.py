"""Broken trainings on data they make themselves; `relume demo NAME` runs them as scripts."""
