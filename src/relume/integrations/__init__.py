"""Watches trainings of other frameworks: one `RelumeCallback` for each.

In comes a framework's event (a training begins, a batch or an epoch has ended, an exception
leaves). Out go a run file, a few figures to the framework's own logger, a report at the end, and a
stop of the training where a finding is severe enough. Each callback records as `relume.watch` does.

    from relume.integrations.lightning import RelumeCallback      # Trainer(callbacks=[...])
    from relume.integrations.transformers import RelumeCallback   # Trainer(callbacks=[...])
    from relume.integrations.keras import RelumeCallback          # fit(callbacks=[...]), on torch
    from relume.integrations.skorch import RelumeCallback         # NeuralNet(callbacks=[...])
    from relume.integrations.accelerate import RelumeCallback     # with RelumeCallback(...)

Files in reading order:

- `callback_core`: what all callbacks share; a callback only translates events into its calls.
- `logged_figures`: the figures for a logger, from the newest record.
- `logged_run`: the same figures over a whole recording, with the findings, as loggers take them.
- `log_tensorboard`, `log_wandb`, `log_mlflow`, `log_trackio`: one logger's client each;
  `relume export --to wandb` calls them.
- `jupyter`: a run as the result of a notebook's cell, and anew while it trains.
- `lightning`, `transformers`, `keras`, `skorch`, `accelerate`: one framework each.

One training, as every callback runs it:

    core = CallbackCore(checked_options(0.01, None, None, "error", (), True))
    core.begin(model)
    ...                     # after each epoch: log core.figures(), stop if core.should_stop
    core.end()              # or core.end_with(error)
"""
