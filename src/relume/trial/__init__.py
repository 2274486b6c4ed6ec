"""Proving a cure: arms x seeds, paired differences, a verdict.

`compare` and `prove` are the door; `report_metric` is what a script may call. Importing this
package costs nothing: torch comes with the processes that train.
"""
