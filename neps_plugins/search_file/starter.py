"""The file that `neps init` writes: it runs as it is, and says what can be changed."""

from __future__ import annotations

STARTER = """\
# A search. Check it with `neps run {name} --dry_run`, start it with `neps run {name}`, in as many shells as
# you like: they share the work. Start it again to go on. The keys are the arguments of neps.run; paths are relative to
# this file.

# What is searched: numbers, choices, constants. A fidelity makes an evaluation cheap or dear, like epochs.
pipeline_space:
  lr: {{lower: 1e-4, upper: 1, log: true}}
  # lr: {{lower: 1e-4, upper: 1, log: true, prior: 0.01, prior_confidence: medium}}  # what you believe to be good
  layers: {{lower: 1, upper: 5}}
  activation: [relu, tanh]
  # epochs: {{lower: 1, upper: 27, is_fidelity: true}}
  batch_size: 32

# What evaluates a configuration: a program, whose arguments hold {{name}} where a value goes. What it prints last is
# the result: a number to minimise, or JSON such as {{"objective_to_minimize": 0.1, "cost": 12}}. It may report on the
# way, too, with `neps report 0.3 --step 1`. Replace this one by yours: [python, train.py, "--lr", "{{lr}}"]
command:
  - python
  - -c
  - |
    import math, sys
    lr, layers, activation = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    print((math.log10(lr) + 2) ** 2 + (layers - 3) ** 2 + (activation == "tanh"))
  - "{{lr}}"
  - "{{layers}}"
  - "{{activation}}"
# timeout: 3600                                 # seconds that one evaluation may take
# Or a Python function that gets the parameters by name, and returns the number; without `command`:
# evaluate_pipeline: train.py:evaluate          # or package.module:function

root_directory: {root}

# When this call stops. total_evaluations_to_spend counts all workers and restarts together.
evaluations_to_spend: 20
# cost_to_spend: 100
# budgets: {{wallclock: 3600}}

# optimizer: auto                               # `neps plugins` lists them
# optimizer: {{name: hyperband, eta: 3}}
# seed: 1
# ignore_errors: true                           # go on when an evaluation fails
# stopping_rule: median                         # ends evaluations early, by what they report
# n_workers: 4                                  # evaluations at a time, on this machine
# executor: slurm
# storage: postgresql+psycopg://user@host/database
# observers: [summary, progress, tensorboard]
"""


def starter(name: str) -> str:
    """The text of a new search file.

    Args:
        name: What the file is called.
    """
    stem = name.rpartition(".")[0] or name
    return STARTER.format(name=name, root=f"{stem}_results" if stem.isidentifier() else "neps_results")
