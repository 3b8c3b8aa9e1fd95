"""Run with `pytest`, once the distribution is installed: `pip install -e .`"""

import neps
import pytest
from neps.testing import check_optimizer

from neps_my_optimizer import MyOptimizer


@pytest.mark.parametrize("keywords", [{}, {"explore": 0.9}, {"ignore_fidelity": "highest_fidelity"}])
def test_it_keeps_the_contract(keywords):
    """Valid configurations on spaces of every kind, and the same ones whoever asks."""
    check_optimizer(MyOptimizer, keywords=keywords)


def test_a_share_has_to_be_one():
    with pytest.raises(neps.NePSError, match="explore must lie between 0 and 1"):
        MyOptimizer(None, explore=2.0)


class Space(neps.PipelineSpace):
    """A bowl in three dimensions; one of them on a log scale."""

    x = neps.Float(-1, 1)
    rate = neps.Float(1e-6, 1.0, log=True)
    units = neps.Integer(1, 100)


def search(folder, optimizer, seed, evaluations=(60,)):
    """A run that is stopped and continued between the given numbers of evaluations."""
    for n in evaluations:
        result = neps.run(
            lambda x, rate, units: (x - 0.3) ** 2 + (rate**0.1 - 0.5) ** 2 + (units / 100 - 0.8) ** 2,
            Space(),
            root_directory=folder,
            optimizer=optimizer,
            seed=seed,
            evaluations_to_spend=n,
        )
    return result


def test_it_is_found_by_name_and_a_restart_changes_nothing(tmp_path):
    whole = search(tmp_path / "whole", "my_optimizer", 0, [30])
    parts = search(tmp_path / "parts", "my_optimizer", 0, [11, 19])
    assert [trial.config for trial in whole.trials.values()] == [trial.config for trial in parts.trials.values()]


def test_it_finds_better_ones_than_random_search(tmp_path):
    def median(optimizer):
        found = [search(tmp_path / f"{optimizer}{seed}", optimizer, seed).best.objectives[0] for seed in range(5)]
        return sorted(found)[2]

    assert median("my_optimizer") < median("random_search")
