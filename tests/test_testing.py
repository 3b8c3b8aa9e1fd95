"""The checks for authors find what is broken, and pass what is not."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest

import neps
from neps.testing import check_optimizer, check_space, check_storage, gallery
from neps_core import RunFolder, SampledConfig, Storage, Uniform
from neps_plugins.storages.filesystem import FileLocks, folder_storage
from neps_plugins.storages.memory import MemoryJournal, MemoryLocks, memory_storage

FLAT = {"flat": {"x": neps.Float(0, 1), "n": neps.Integer(1, 3)}}


@pytest.mark.parametrize("name", gallery())
def test_every_space_of_the_gallery(name):
    check_space(gallery()[name])


@pytest.mark.parametrize("name", ["random_search", "grid_search"])
@pytest.mark.parametrize("ignore_fidelity", [False, True, "highest_fidelity"])
def test_the_built_in_optimizers(name, ignore_fidelity):
    check_optimizer(name, keywords={"ignore_fidelity": ignore_fidelity})


def test_the_built_in_storages(tmp_path):
    check_storage(lambda: folder_storage(tmp_path / "run"))
    shared = memory_storage()
    check_storage(lambda: shared)


class Good:
    def __init__(self, space):
        self.space = space

    def __call__(self, trials, budget_info, n=None, rng=None):
        return [SampledConfig(self.space.resolve(Uniform(rng)).config) for _ in range(n or 1)]


class HidesRandomness(Good):
    def __call__(self, trials, budget_info, n=None):
        return SampledConfig(self.space.resolve(Uniform(np.random.default_rng())).config)


class Counts(Good):
    calls = 0

    def __call__(self, trials, budget_info, n=None):
        self.calls += 1
        return SampledConfig({"x": 1 / self.calls, "n": 1})


class LeavesOut(Good):
    def __call__(self, trials, budget_info, n=None):
        return SampledConfig({"x": 0.5})


class Outside(Good):
    def __call__(self, trials, budget_info, n=None):
        return SampledConfig({"x": 1.5, "n": 1})


class FallsOverFailures(Good):
    def __call__(self, trials, budget_info, n=None, rng=None):
        min((t.report.objective_to_minimize for t in trials.values() if t.report), default=0)
        return super().__call__(trials, budget_info, n, rng)


class FallsOverPending(Good):
    def __call__(self, trials, budget_info, n=None, rng=None):
        assert all(t.report for t in trials.values())
        return super().__call__(trials, budget_info, n, rng)


class TooMany(Good):
    def __call__(self, trials, budget_info, n=None, rng=None):
        return super().__call__(trials, budget_info, (n or 1) + 1, rng)


class Nothing(Good):
    def __call__(self, trials, budget_info, n=None):
        return []


class RefusesAll(Good):
    def __init__(self, space):
        raise neps.NePSError("no") if False else __import__("neps_core").OptimizerError("I don't do that.")


class ForgetsDeletion(Good):
    """Keeps counting trials that were deleted."""

    def __init__(self, space):
        super().__init__(space)
        self.seen = set()

    def __call__(self, trials, budget_info, n=None):
        self.seen.update(trials)
        k = len(self.seen)
        return [SampledConfig({"x": 1 / (1 + k + i), "n": 1}) for i in range(n or 1)]


class FallsOverSeveral(Good):
    def __call__(self, trials, budget_info, n=None, rng=None):
        sum(t.report.objective_to_minimize for t in trials.values() if t.report and not t.report.err)
        return super().__call__(trials, budget_info, n, rng)


class FallsOverConstraints(Good):
    def __call__(self, trials, budget_info, n=None, rng=None):
        assert all(t.is_feasible for t in trials.values())
        return super().__call__(trials, budget_info, n, rng)


def test_a_good_one_passes():
    check_optimizer(Good)


def test_one_that_minimises_one_objective_says_so():
    check_optimizer(FallsOverSeveral, spaces=FLAT, n_objectives=(1,))
    check_optimizer(FallsOverConstraints, spaces=FLAT, n_objectives=())


@pytest.mark.parametrize(
    "broken, message",
    [
        (HidesRandomness, "no function of the trials and the randomness"),
        (Counts, "no function of the trials and the randomness"),
        (LeavesOut, "no value for 'n'"),
        (Outside, "'x': 1.5 is outside"),
        (FallsOverFailures, "raised TypeError"),
        (FallsOverPending, "raised AssertionError"),
        (FallsOverSeveral, "'flat', 2 objectives: .*raised TypeError"),
        (FallsOverConstraints, "constraints that nothing keeps: .*raised AssertionError"),
        (TooMany, "asked for 1, it gave 2"),
        (Nothing, "proposed nothing at all"),
        (ForgetsDeletion, "after a trial was deleted"),
        (RefusesAll, "refused every space"),
    ],
)
def test_what_is_broken_is_said(broken, message):
    with pytest.raises(AssertionError, match=message):
        check_optimizer(broken, spaces=FLAT)


class TestStorages:
    def test_forgetting(self):
        class Forgets(MemoryJournal):
            def append(self, events, durable=True):
                super().append(list(events)[:1])

        shared = Storage(Forgets(), MemoryLocks(), crosses_processes=False)
        with pytest.raises(AssertionError, match="was appended and"):
            check_storage(lambda: shared)

    def test_private(self):
        with pytest.raises(AssertionError, match="another worker does not see"):
            check_storage(memory_storage)

    def test_memory_that_claims_to_cross_processes(self):
        shared = Storage(MemoryJournal(), MemoryLocks())
        with pytest.raises(AssertionError, match="not read on from a position"):
            check_storage(lambda: shared)

    def test_no_lock(self):
        class Open(MemoryLocks):
            def lock(self, name):
                return nullcontext()

        shared = Storage(MemoryJournal(), Open(), crosses_processes=False)
        with pytest.raises(AssertionError, match="let two threads in at once"):
            check_storage(lambda: shared)

    def test_a_journal_for_all_processes_with_locks_that_do_not_cross_them(self, tmp_path):
        whole = folder_storage(tmp_path / "run")
        locks = MemoryLocks()

        def broken():
            return Storage(folder_storage(tmp_path / "run").journal, locks, whole.folder)

        with pytest.raises(AssertionError, match="let two processes in at once"):
            check_storage(broken)

    def test_locks_that_cross_processes_and_leases_that_do_not(self, tmp_path):
        leases = MemoryLocks()

        class Half(FileLocks):
            lease, is_alive, living_workers = leases.lease, leases.is_alive, leases.living_workers

        def broken():
            whole = folder_storage(tmp_path / "run")
            return Storage(whole.journal, Half(tmp_path / "run" / ".neps"), whole.folder)

        with pytest.raises(AssertionError, match="a worker in another process is not alive"):
            check_storage(broken)

    def test_lease_that_everybody_gets(self):
        class Loose(MemoryLocks):
            def lease(self, worker_id):
                return nullcontext()

        shared = Storage(MemoryJournal(), Loose(), crosses_processes=False)
        with pytest.raises(AssertionError, match="is not alive to another"):
            check_storage(lambda: shared)

    @pytest.mark.parametrize("method", ["trial_directory", "publish", "publish_run", "repair", "remove"])
    def test_a_folder_that_raises(self, tmp_path, method):
        class Raises(RunFolder):
            pass

        def fail(self, *_, **__):
            raise OSError("no luck")

        setattr(Raises, method, fail)

        broken = Storage(MemoryJournal(), MemoryLocks(), Raises(tmp_path / "run"), crosses_processes=False)
        with pytest.raises(AssertionError, match="the folder raised OSError: no luck"):
            check_storage(lambda: broken)


def test_a_space_whose_configs_change_when_stored():
    class Odd:
        fidelities, has_priors, has_fixed_domains, argument_names = {}, False, True, {}

        def resolve(self, decide):
            from neps_core import Resolution

            return Resolution({1: 2}, dict)

        def to_document(self):
            return {"format": "pipeline_space", "name": "odd", "attributes": {}}

    with pytest.raises(AssertionError, match="changes when it is stored"):
        check_space(Odd())
