"""Checks: diagnose a model on a few passes, without training, and leave it as it was.

In come a `torch.nn.Module`, a batch or loader, and maybe a criterion. The recorder runs over one
forward and backward pass a batch, an optimiser that changes nothing marks its end, and the rules
that need no training judge the trace. Out comes a `Diagnosis`; the other rules are listed as not
checked. Parameters, buffers, gradients, mode, hooks and the random state are restored.

Files in reading order:

- `check`: `relume.check`, and `check_model`, which returns the trace too.
- `batches`: turns what the user has into arguments and targets.
- `no_op_optimizer`: `NoOpOptimizer`, whose step ends a pass for the recorder.
- `named_acts`: compares the model's acts with those that its configuration names.
- `probes`: asks on one batch whether layers are remade, rows mix, and the batch can be learned.
- `import_target`: imports what the words of `relume check` name.
- `load_data`: reads saved batches and weights without running code from them.
- `pytest_plugin`: the fixture `relume_check`.

    >>> import torch, relume
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Linear(8, 3))
    >>> relume.check(model, torch.randn(32, 4)).findings[0].name
    'missing-nonlinearity'
"""
