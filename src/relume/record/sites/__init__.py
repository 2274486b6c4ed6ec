"""Finds the acts of a step, and gives each its site: a name, a place and a role.

In: an autograd graph, and the entries and exits of modules on the step.
Out: `SiteCall`s in forward order, each with the `SiteState` of its site, the same on every record.

Files in reading order:

    module_trace.py      `ModuleTrace`: which module was open at which sequence number
    module_hooks.py      `ModuleHooks`: the two global module hooks that fill it
    function_mode.py     `ActCapture`: captures acts where there is no graph to read
    composite_acts.py    `CompositeFinder`: acts that several nodes compute, and what is no act
    find_acts.py         `ActFinder`: finds acts in nodes, masks and captured calls
    attention_sites.py   `AttentionSites`: attention, and a fact about each
    router_sites.py      `RouterSites`: routers of experts, and a fact about each
    qualified_names.py   `QualifiedNames`: names of modules and parameters
    sites.py             `Sites`: the sites of a run, found once

The calls on one recorded step:

    hooks.open()                                    # before the forward pass
    graph = walk(loss.grad_fn)                      # before backward
    calls = sites.acts_in(graph, module_trace, act_capture.captured, phase=record)
    [call.state.site.name for call in calls]        # ["encoder.act", "encoder.relu()"]
    hooks.close()
"""
