"""SearchCV beside RandomizedSearchCV, HalvingRandomSearchCV and Optuna's OptunaSearchCV: the score at equal time.

Six of scikit-learn's own data sets, with one to three estimators each; a quarter of the samples is held out. Each
search has the same processor seconds (so that what else runs on the machine favours none), one thread, the same folds
(the seed's), and the same ranges: those of `suggest_space`. RandomizedSearchCV counts candidates and no seconds, so it
is given one after the other until the time is over; HalvingRandomSearchCV is run again and again, with twice the
candidates where that still fits into the time.

    OMP_NUM_THREADS=1 python tests/benchmarks/sklearn_search.py --seeds 20 --out results.jsonl
    python tests/benchmarks/sklearn_search.py --table results.jsonl

Begun again with the same file, it goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_linnerud, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    HalvingRandomSearchCV,
    KFold,
    ParameterSampler,
    StratifiedKFold,
    cross_val_score,
    train_test_split,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

import neps
from neps.sklearn import SearchCV, suggest_space
from neps_core import BudgetSpec, CategoricalDomain, FloatDomain, hookimpl


def _linnerud():
    data = load_linnerud()
    return data.data, data.target[:, 0]


DATA = {
    "iris": (lambda: load_iris(return_X_y=True), True),
    "wine": (lambda: load_wine(return_X_y=True), True),
    "breast_cancer": (lambda: load_breast_cancer(return_X_y=True), True),
    "digits": (lambda: load_digits(return_X_y=True), True),
    "diabetes": (lambda: load_diabetes(return_X_y=True), False),
    "linnerud": (_linnerud, False),
}

ESTIMATORS = {
    ("svm", True): lambda: make_pipeline(StandardScaler(), SVC()),
    ("svm", False): lambda: make_pipeline(StandardScaler(), SVR(max_iter=100_000)),
    ("boosting", True): lambda: HistGradientBoostingClassifier(max_iter=20, random_state=0),
    ("boosting", False): lambda: HistGradientBoostingRegressor(max_iter=20, random_state=0),
    ("mlp", True): lambda: make_pipeline(StandardScaler(), MLPClassifier(max_iter=30, random_state=0)),
    ("mlp", False): lambda: make_pipeline(StandardScaler(), MLPRegressor(max_iter=100, random_state=0)),
}

#: Which estimators on which data, and for how many seconds: some tens of candidates fit into each.
TASKS = {
    ("iris", "svm"): 1.0,
    ("wine", "svm"): 1.0,
    ("breast_cancer", "svm"): 1.5,
    ("diabetes", "svm"): 1.5,
    ("digits", "svm"): 4.0,
    ("linnerud", "svm"): 1.0,
    ("wine", "boosting"): 3.0,
    ("diabetes", "boosting"): 3.0,
    ("iris", "mlp"): 3.0,
}

#: What each search is timed by.
clock = time.process_time


class Processor:
    """A budget of `neps.run`: what this process has computed since the call began."""

    began = 0.0

    @hookimpl
    def neps_budgets(self):
        return [BudgetSpec("processor", "seconds", of_call=lambda _: clock() - self.began)]


PROCESSOR = Processor()


def scipy_space(space):
    """The same ranges as distributions and lists."""
    found = {}
    for name, part in space.items():
        domain = part.domain()
        if isinstance(domain, CategoricalDomain):
            found[name] = list(part.choices)
        elif isinstance(domain, FloatDomain):
            found[name] = (stats.loguniform if domain.log else _uniform)(domain.lower, domain.upper)
        elif domain.log:
            found[name] = _LogIntegers(domain.lower, domain.upper)
        else:
            found[name] = stats.randint(domain.lower, domain.upper + 1)
    return found


def _uniform(lower, upper):
    return stats.uniform(lower, upper - lower)


class _LogIntegers:
    def __init__(self, lower, upper):
        self.lower, self.upper = lower, upper

    def rvs(self, random_state=None):
        edges = np.log([self.lower - 0.5, self.upper + 0.5])
        return int(np.clip(round(np.exp(random_state.uniform(*edges))), self.lower, self.upper))


def optuna_space(space):
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    found = {}
    for name, part in space.items():
        domain = part.domain()
        if isinstance(domain, CategoricalDomain):
            found[name] = CategoricalDistribution(list(part.choices))
        else:
            make = FloatDistribution if isinstance(domain, FloatDomain) else IntDistribution
            found[name] = make(domain.lower, domain.upper, log=domain.log)
    return found


def by_neps(estimator, space, X, y, cv, seconds, seed, **options):
    PROCESSOR.began = clock()
    search = SearchCV(
        estimator,
        space,
        n_trials=None,
        max_seconds=3600,
        run_options={"budgets": {"processor": seconds}},
        cv=cv,
        random_state=seed,
        refit=False,
        **options,
    ).fit(X, y)
    return search.best_params_, float(search.best_score_), len(search.cv_results_["params"])


def by_random(estimator, space, X, y, cv, seconds, seed):
    """RandomizedSearchCV, told to end by the clock: what it does for each candidate."""
    from sklearn.model_selection import GridSearchCV

    began, best, n = clock(), (-np.inf, None), 0
    sampler = iter(ParameterSampler(scipy_space(space), 10**9, random_state=seed))
    while clock() - began < seconds:
        candidate = next(sampler)
        search = GridSearchCV(estimator, {k: [v] for k, v in candidate.items()}, cv=cv, refit=False).fit(X, y)
        n += 1
        if search.best_score_ > best[0]:
            best = (search.best_score_, candidate)
    return best[1], float(best[0]), n


def by_halving(estimator, space, X, y, cv, seconds, seed):
    """HalvingRandomSearchCV over samples, again and again, with twice the candidates where that still fits."""
    began, n, best, total, rounds = clock(), 8, None, 0, 0
    while True:
        before = clock()
        search = HalvingRandomSearchCV(
            estimator,
            scipy_space(space),
            n_candidates=n,
            cv=cv,
            random_state=1000 * seed + rounds,
            refit=False,
            error_score=-1e9,
        ).fit(X, y)
        total, rounds = total + len(search.cv_results_["params"]), rounds + 1
        if best is None or search.best_score_ > best[1]:
            best = (search.best_params_, float(search.best_score_))
        took, left = clock() - before, seconds - (clock() - began)
        if took > left:
            return *best, total
        n = 2 * n if 2 * took <= left else n


def by_optuna(estimator, space, X, y, cv, seconds, seed):
    import optuna
    from optuna_integration import OptunaSearchCV

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    began = clock()

    def stop(study, trial):
        if clock() - began >= seconds:
            study.stop()

    search = OptunaSearchCV(
        estimator, optuna_space(space), n_trials=10**6, callbacks=[stop], cv=cv, random_state=seed, refit=False
    ).fit(X, y)
    return search.best_params_, float(search.best_score_), len(search.trials_)


SEARCHES = {
    "SearchCV": by_neps,
    "SearchCV, folds": lambda *args: by_neps(*args, fidelity="n_splits"),
    "RandomizedSearchCV": by_random,
    "HalvingRandomSearchCV": by_halving,
    "OptunaSearchCV": by_optuna,
}


def one(task, name, seconds, seed):
    """One search, and what its choice scores on the samples that it has not seen."""
    load, is_classification = DATA[task[0]]
    X, y = load()
    stratify = y if is_classification else None
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.25, random_state=seed, stratify=stratify)
    estimator = ESTIMATORS[task[1], is_classification]()
    cv = (StratifiedKFold if is_classification else KFold)(5, shuffle=True, random_state=seed)
    space = suggest_space(estimator)
    began = clock()
    params, score, n = SEARCHES[name](estimator, space, X, y, cv, seconds, seed)
    took = clock() - began
    # What is compared is measured anew, on all folds and samples: searches over less report other scores.
    score = float(np.mean(cross_val_score(estimator.set_params(**params), X, y, cv=cv)))
    test = float(estimator.fit(X, y).score(X_test, y_test))
    return {"task": "/".join(task), "search": name, "seed": seed, "cv": score, "test": test, "n": n, "took": took}


def table(file):
    """Means by task and search; ranks and wins over the seeds."""
    rows = [json.loads(line) for line in Path(file).read_text().splitlines()]
    cells = defaultdict(dict)
    for row in rows:
        cells[row["task"], row["seed"]][row["search"]] = row
    cells = {key: each for key, each in cells.items() if len(each) == len(SEARCHES)}
    tasks = dict.fromkeys(task for task, _ in cells)
    for metric in ("cv", "test", "n", "took"):
        print(f"\n### {metric}\n\n| task | seeds | " + " | ".join(SEARCHES) + " |")
        print("|---" * (len(SEARCHES) + 2) + "|")
        for task in tasks:
            lines = [each for (t, _), each in cells.items() if t == task]
            means = [np.mean([line[name][metric] for line in lines]) for name in SEARCHES]
            shown = [f"{m:.4f}" if metric in ("cv", "test") else f"{m:.1f}" for m in means]
            print(f"| {task} | {len(lines)} | " + " | ".join(shown) + " |")
        if metric in ("cv", "test"):
            ranks = [stats.rankdata([-round(each[name][metric], 6) for name in SEARCHES]) for each in cells.values()]
            print(f"| mean rank | {len(ranks)} | " + " | ".join(f"{m:.2f}" for m in np.mean(ranks, axis=0)) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=float, default=1.0, help="the seconds of all tasks are multiplied with this")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--tasks", default="")
    parser.add_argument("--searches", default="")
    parser.add_argument("--out", default="sklearn_search.jsonl")
    parser.add_argument("--table", default=None)
    args = parser.parse_args()
    if args.table:
        table(args.table)
        return
    warnings.simplefilter("ignore")
    neps.plugins.register(PROCESSOR)
    for name in SEARCHES:  # what each imports takes none of its time
        one(("iris", "svm"), name, 0.3, 0)
    out = Path(args.out)
    done = set()
    if out.exists():
        done = {(r["task"], r["search"], r["seed"]) for r in map(json.loads, out.read_text().splitlines())}
    for seed in range(args.first, args.first + args.seeds):
        for task, seconds in TASKS.items():
            for name in SEARCHES:
                wanted = args.tasks in "/".join(task) and args.searches in name
                if wanted and ("/".join(task), name, seed) not in done:
                    row = one(task, name, args.times * seconds, seed)
                    with out.open("a") as file:
                        file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
