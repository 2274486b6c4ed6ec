"""Broken trainings on data that they make themselves; `relume demo NAME` runs one as a script.

Each file is a plain training script without relume in it; its first docstring line is the demo's
title in `relume demo`. One fault each:

- `dying_relu.py`: units die at a learning rate that is too high.
- `vanishing.py`: eight sigmoid layers in a row.
- `linear_stack.py`: no act between the layers.
- `double_softmax.py`: a softmax before a loss that applies one.
"""
