"""A picture of what Bayesian optimization believes after 3, 5 and 8 evaluations, and of where it looks next.

    pip install "neps-framework[analysis]"
    python posterior.py [OUT.png]

Above: the function, what was evaluated, and the model. Below: what the model expects to gain from an evaluation,
without and with a user's prior, each divided by its highest value, which is marked. It takes a few seconds.
"""

import math
import sys

import numpy as np
from matplotlib.figure import Figure

import neps
from neps_core import parse_space
from neps_plugins.toolkit import Encoder, LogExpectedImprovement, Points, Surrogate, UserPrior, Weighted
from neps_plugins.toolkit.gp.prior_weight import BETA, support, weight

STAGES = (3, 5, 8)
SEED = 25
DESIGN = 3  # the evaluations before there is a model
GRID = np.linspace(0, 1, 601)
BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#555555"


class Space(neps.PipelineSpace):
    # `bayesian_optimization` does not look at the prior. It is here to show what `pibo` would make of it.
    x = neps.Float(0, 1, prior=0.6, prior_confidence="medium")


def evaluate_pipeline(x):
    return math.sin(9 * x) + x - 0.3 * math.cos(25 * x)


def search(space, n):
    """The first n trials of Bayesian optimization."""
    loop = neps.AskAndTell(neps.algorithms.bayesian_optimization(space, initial_design_size=DESIGN), seed=SEED)
    for _ in range(n):
        trial = loop.ask()
        loop.tell(trial, evaluate_pipeline(**trial.config))
    return list(loop.trials.values())


def believed(space, trials):
    """What the model makes of some trials: over the grid, its mean, its standard deviation, and two acquisitions."""
    encoder = Encoder(space, one_hot=False)  # configurations as arrays
    values, active = encoder.encode([trial.config for trial in trials])
    objectives = np.array([trial.objectives[0] for trial in trials])
    # The optimizer also tries whether a warp of the objective suits. Here none does, and a picture without one has the
    # units of the objective.
    model = Surrogate(offsets=(math.inf,)).update(encoder.columns, values, active, objectives, SEED)

    points = Points(*encoder.encode([{"x": x} for x in GRID.tolist()]))
    mean, variance = model.predict(points.values, points.active)
    unit = objectives.std()  # the model is of the standardised objective
    best = model.predict(values, active)[0].min()
    gain = LogExpectedImprovement(model, float(best))
    proposal = len(trials) - DESIGN + 1  # which one of the model's it is
    prior = UserPrior(encoder)
    belief = weight(BETA, proposal, support(prior(Points(values, active)), objectives[:, None]))
    with_prior = Weighted([(1.0, gain), (belief, prior)])
    return objectives.mean() + unit * mean, unit * np.sqrt(variance), gain(points), with_prior(points)


def draw_model(axes, trials, mean, deviation):
    axes.fill_between(GRID, mean - 2 * deviation, mean + 2 * deviation, color=BLUE, alpha=0.15, lw=0)
    lines = [
        *axes.plot(GRID, [evaluate_pipeline(x) for x in GRID], color=GREY, lw=1.2, ls="--", label="function"),
        *axes.plot(GRID, mean, color=BLUE, label="mean, and 2 standard deviations"),
    ]
    dots = [(trial.config["x"], trial.objectives[0]) for trial in trials]
    lines += axes.plot(*zip(*dots), "o", color="black", ms=5, ls="", label="evaluations")
    axes.set(title=f"{len(trials)} evaluations", ylim=(-2.0, 3.0))
    return lines


def draw_acquisition(axes, label, logs, color, style, marker):
    worth = np.exp(logs - logs.max())
    lines = axes.plot(GRID, worth, color=color, ls=style, label=label)
    highest = GRID[worth.argmax()]
    axes.plot(highest, 1.0, marker, color=color, ms=9, mfc="none")
    axes.set(xlabel="x", xlim=(0, 1), ylim=(0, 1.15))
    return lines


def draw(out):
    space = parse_space(Space())
    trials = search(space, max(STAGES))
    figure = Figure(figsize=(10, 5.4), layout="constrained")
    columns = figure.subplots(2, len(STAGES), sharex=True, sharey="row", height_ratios=(3, 2)).T
    for (above, below), n in zip(columns, STAGES):
        mean, deviation, gain, with_prior = believed(space, trials[:n])
        lines = draw_model(above, trials[:n], mean, deviation)
        lines += draw_acquisition(below, "expected improvement", gain, ORANGE, "-", "v")
        lines += draw_acquisition(below, "the same with the prior (piBO)", with_prior, GREY, "-.", "o")
    columns[0][0].set_ylabel("objective to minimize")
    columns[0][1].set_ylabel("acquisition / highest")
    figure.legend(handles=lines, loc="outside lower center", ncols=len(lines), frameon=False, fontsize="small")
    figure.savefig(out, dpi=120)


if __name__ == "__main__":
    draw(sys.argv[1] if len(sys.argv) > 1 else "posterior.png")
