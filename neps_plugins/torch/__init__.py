"""Training with PyTorch inside a trial: checkpoints at the fidelity, reports, the ranks of a process group.

`epochs` is the loop and `lightning` the callback; both are a `training`, and stand on `progress` (what was trained and
reported), `group` (the ranks), `randomness` (the states of generators) and `files`, which
`neps_plugins.compat.checkpoints` uses, too.
"""
