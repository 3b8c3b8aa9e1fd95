"""Searches that were begun elsewhere: with Optuna, Ray Tune or SMAC.

Each of `optuna`, `ray` and `smac` reads what its framework has kept, without running any of its code but Optuna's own
reader, and gives a `Search`: a space, evaluations, and what has to be said about them.
"""

from neps_plugins.moving.search import Search as Search
