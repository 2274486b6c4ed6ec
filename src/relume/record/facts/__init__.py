"""Writes what is known once about a run: its structure, criterion, inputs and parameters.

In: one graph of a recorded step with its acts, and the optimiser's parameters.
Out: `Fact`s and `Site`s in the run file, each when it is first known or has changed.

Files in reading order:

    fact_audit.py        `FactAudit`: what each of the audits below is made from
    fact_log.py          `FactLog`: reads one graph's head and criterion, writes sites and facts
    criterion_fact.py    `CriterionFact`: the criterion, and the loss of the best constant guess
    structure_facts.py   `StructureFacts`: head, affine pairs, softmaxes, opaque operations
    attribute_paths.py   names tensors that no module registers by the attribute that holds them
    node_values.py       what entered and left a node, and the slope between them
    non_finite_origin.py `NonFiniteOrigin`: what made the first value that is not finite
    raised_frames.py     `failed_step`: what the frames of an exception hold of the step
    term_reach.py        `TermReach`: terms of the loss that send a gradient
    row_reach.py         `RowReach`: rows and labels that send a gradient
    lost_updates.py      `LostUpdates`: updates that change nothing, and the optimiser's eps
    fresh_weights.py     frozen weights that look as they were drawn
    wiring.py            `WiringAudit`: gradients that are cleared, reach, and are optimised; of it
    wiring_leaf.py       `LeafAudit`: what is known of one parameter, and how it is read
    gradient_windows.py  whether a step's gradient begins cleared
    leaf_names.py        names of leaves that no module registers, and what cuts leaves off
    remade_leaves.py     parameters that are made anew on every step
    data_audit.py        `DataAudit`: inputs and targets that are not finite
    signal_audit.py      `SignalAudit`: where the signal or the error is lost; it asks the next
    call_follower.py     `CallFollower`: where values lose their gradient, and where they return
    gradient_cuts.py     operations without a slope, and cuts, between weights and the loss
    row_dependence.py    the first place after which rows no longer differ
    latent_use.py        latents and codes that carry something
    time_gradients.py    the gradient over the steps of recurrent layers

The kinds of fact: ``criterion``, ``targets``, ``head``, ``affine-pair``, ``softmax``, ``act-pair``,
``precision``, ``parameter``, ``non-finite``, ``origin``, ``opaque``, ``wiring``, ``failed-step``,
``signal``, ``update``, ``frozen``, and those of the signal audit: ``cut``, ``rows``, ``latents``,
``softmax-chain``, ``time``. Rules read them with `Trace.facts_of(kind)`.

The calls on one recorded step:

    view = fact_log.read_graph(graph, calls, module_trace, step, changed=True)
    fact_log.read_inputs(graph, layers, phase, deep)         # moments of the data that enter
    fact_log.write_parameters(named, step, decays, zeros)    # before the optimiser's step
    fact_log.finish(step, optimizer_steps, backwards)        # at the end of the run
"""
