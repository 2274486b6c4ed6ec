"""relume where people train: one `RelumeCallback` for each framework.

    from relume.integrations.lightning import RelumeCallback      # Trainer(callbacks=[...])
    from relume.integrations.transformers import RelumeCallback   # Trainer(callbacks=[...])
    from relume.integrations.keras import RelumeCallback          # fit(callbacks=[...]), on torch
    from relume.integrations.skorch import RelumeCallback         # NeuralNet(callbacks=[...])
    from relume.integrations.accelerate import RelumeCallback     # with RelumeCallback(...)

Each records as `relume.watch` does, logs a few figures to the framework's own logger, says at the
end what was found, and can stop a run. `watched.py` has what they share.
"""
