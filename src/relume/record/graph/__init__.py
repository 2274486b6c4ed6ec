"""Reads the autograd graph of a loss: its acts, its layers, its criterion.

In comes the `grad_fn` of the tensor on which `backward()` is about to be called. Out go an
`AutogradGraph`, and answers about it: what feeds an act, what judges the output, which biases do
nothing, what entered an act whose input torch did not save. Nothing here calls a module, draws a
random number, or keeps a tensor after the step.

Files in reading order:

- `op_names`: operations of the graph, sorted by what they do; `AFFINE` says where one keeps data,
  weight and bias.
- `autograd_graph`: `walk`, and questions about one node: `inputs`, `saved`, `weight_of`, `role`.
- `double_backward`: what autograd's own backward made (a gradient inside the loss).
- `opaque_ops`: operations that hide their acts, with reason and remedy.
- `unit_axis`: the axis of an act's units, followed from its layer.
- `recompute`: the input of an act on a few rows, from the layer before it.
- `handwritten_relu`: ``torch.where(x > 0, x, 0)`` and ``x * (x > 0)`` as acts.
- `elementwise`: an act that is written by hand as a function of one tensor.
- `affine_structure`: affine maps in a row, biases under a norm, where the data enter.
- `attention`: attention, fused or written out, and a sample of its scores and weights.
- `routers`: choices among experts, and how often each was chosen.
- `outgoing_weights`: the norm of each unit's outgoing weights.
- `criterion`: the criterion, the head behind it, the acts between.
- `criterion_targets`: the targets that the criterion saved.
- `loss_scale`: the factor between criterion and loss.
- `head_structure`: facts on the head, on softmaxes and on acts in a row.
- `head_reach`: what the last acts of a head can give together.
- `softmax_chain`: a softmax whose input is already one's output.
- `second_derivative`: one that is asked for and is zero everywhere.
- `zero_slope`: operations whose slope is zero, and the leaves that a path reaches past them.
- `dropout_masks`: which share of its values a dropout keeps.
- `broken_forward`: the first place of a forward that is not finite.
- `softmax_source`: whether a softmax call names its axis in the source.

Example:
    >>> import torch
    >>> from relume.record.graph.autograd_graph import kind, walk
    >>> loss = torch.nn.Linear(2, 3)(torch.ones(4, 2)).relu().sum()
    >>> [kind(node) for node in walk(loss.grad_fn).nodes]
    ['TBackward', 'AddmmBackward', 'ReluBackward', 'SumBackward']
"""
