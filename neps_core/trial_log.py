"""The fold of a run's events into its trials."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from attrs import evolve

from neps_core import events as ev
from neps_core.errors import StorageError
from neps_core.shapes import UNKNOWN, Shape
from neps_core.showing import as_html
from neps_core.trials import Metadata, Point, Points, Report, State, Trial, location_of, number_of


class _LiveTrials(Mapping[str, Trial]):
    """The trials of a log; see `neps_core.trials.Trials`."""

    def __init__(self, trials: dict[str, Trial], changes: list[str]) -> None:
        self._trials = trials
        self.changes: Sequence[str] = changes
        self.deletions = 0

    def __getitem__(self, trial_id: str) -> Trial:
        return self._trials[trial_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._trials)

    def __len__(self) -> int:
        return len(self._trials)

    _repr_html_ = as_html

    def __repr__(self) -> str:
        return f"<{len(self)} trials>"


class TrialLog:
    """The state of a run, kept by folding its events one by one.

    Folding is total: any sequence of events has a state, and what contradicts the trial's state (a second
    result, a requeue of a finished trial) changes nothing. That settles every race between workers: the
    journal's order decides.

    Attributes:
        trials: All trials.
        pending: Ids of the trials that wait for a worker, longest first.
        evaluating: Ids of the trials that are being evaluated.
        removed: Ids of the trials that were removed, and are not there again.
        sampled: How many configurations were ever proposed: the index of the next sample.
        highest_number: The highest number of a trial's id so far.
        shape: How many objectives and constraints the run's results have, and their names, as far as that is known.
        notes: What was remarked on trials, by id.
        halts: Every `Halted` event.
        dismissals: Every `Dismissed` event.
        n_events: How many events were taken in; whoever shows the run has to look again when this has changed.
        format: The version of the format that the run is written in; 0 before it was created.
        seed: The run's seed; None before it was created.
        began: When the run was created, in Unix seconds; with the seed, that tells it from every other run.
        space: The space's document; None if there is none yet.
        constants: The constants that people are shown with each configuration.
        space_signature: Of who vouches for the space; None if nobody does.
        optimizers: Every `OptimizerRecorded` event; the last one is in force.
    """

    def __init__(self) -> None:
        self._trials: dict[str, Trial] = {}
        self._changes: list[str] = []
        self.trials = _LiveTrials(self._trials, self._changes)
        self.pending: dict[str, None] = {}
        self._enqueued: dict[str, None] = {}  # those of them that somebody asked for
        self.evaluating: dict[str, None] = {}
        self.removed: set[str] = set()
        self.sampled = 0
        self.highest_number = 0
        self.shape = UNKNOWN
        self.notes: dict[str, str] = {}
        self._outlasted: dict[str, tuple[int, float]] = {}
        self.halts: list[ev.Halted] = []
        self.dismissals: list[ev.Dismissed] = []
        self.n_events = 0
        self.format = 0
        self.seed: int | None = None
        self.began: float | None = None
        self.space: dict[str, Any] | None = None
        self.constants: dict[str, Any] = {}
        self.space_signature: str | None = None
        self.optimizers: list[ev.OptimizerRecorded] = []
        self._fold: dict[type, Callable[[Any], None]] = {
            ev.Created: self._created,
            ev.SpaceRecorded: self._space_recorded,
            ev.OptimizerRecorded: self.optimizers.append,
            ev.Sampled: self._sampled,
            ev.Started: self._started,
            ev.Detached: self._detached,
            ev.Reported: self._reported,
            ev.Finished: self._finished,
            ev.Requeued: self._requeued,
            ev.Deleted: self._deleted,
            ev.Halted: self.halts.append,
            ev.Dismissed: self.dismissals.append,
            ev.Noted: self._noted,
        }

    def fold(self, events: Iterable[ev.Event]) -> None:
        """Take in what has happened since.

        Raises:
            StorageError: If the run belongs to a later version of the format.
        """
        for event in events:
            self.n_events += 1
            if getattr(event, "id", None) in self.removed and not isinstance(event, ev.Sampled):
                continue  # of a worker that has not heard of it
            self._fold[type(event)](event)

    def _put(self, trial: Trial) -> None:
        self._trials[trial.id] = trial
        self._changes.append(trial.id)
        for state, ids in ((State.PENDING, self.pending), (State.EVALUATING, self.evaluating)):
            if trial.state is state:
                ids[trial.id] = None
            else:
                ids.pop(trial.id, None)
        if trial.state is State.PENDING and trial.metadata.time_sampled is None:
            self._enqueued[trial.id] = None
        else:
            self._enqueued.pop(trial.id, None)

    def waiting(self, n: int) -> list[str]:
        """The ids of the trials that are to be evaluated next, at most n: what somebody enqueued goes first."""
        others = (trial_id for trial_id in self.pending if trial_id not in self._enqueued)
        return list(islice(chain(self._enqueued, others), n))

    def _created(self, event: ev.Created) -> None:
        if event.format > ev.FORMAT:
            raise StorageError(
                f"this run was written in format {event.format}, and this version reads formats up to {ev.FORMAT}. "
                "Install a newer neps-framework to go on with it."
            )
        self.format = max(self.format, event.format)
        if self.seed is None:
            self.seed, self.began = event.seed, event.time

    def _space_recorded(self, event: ev.SpaceRecorded) -> None:
        self.space, self.constants, self.space_signature = event.document, event.constants, event.signature

    def _sampled(self, event: ev.Sampled) -> None:
        self.sampled += event.time is not None and event.id not in self.removed  # else it is evaluated once more
        self.highest_number = max(self.highest_number, number_of(event.id))
        if event.id in self._trials:
            return
        self.removed.discard(event.id)
        metadata = Metadata(
            time_sampled=event.time,
            sampling_worker_id=event.worker,
            previous_trial_id=event.previous,
            location=location_of(event.id),
        )
        self._put(Trial(event.id, event.config, State.PENDING, metadata))

    def _started(self, event: ev.Started) -> None:
        trial = self._known(event.id)
        if trial.state is State.PENDING:
            metadata = evolve(
                trial.metadata,
                state=State.EVALUATING,
                time_started=event.time,
                evaluating_worker_id=event.worker,
                starts=trial.metadata.starts + 1,
            )
            self._put(evolve(trial, state=State.EVALUATING, metadata=metadata, points=()))

    def _detached(self, event: ev.Detached) -> None:
        trial = self._known(event.id)
        if trial.state is State.EVALUATING and _is_by(event, trial):
            self._put(
                evolve(trial, metadata=evolve(trial.metadata, is_asynchronous=True, cost_required=event.cost_required))
            )

    def _reported(self, event: ev.Reported) -> None:
        trial = self._known(event.id)
        # Of a worker that has lost the trial to another one, nothing is taken any more.
        if trial.state is State.EVALUATING and trial.metadata.evaluating_worker_id == event.worker:
            before = trial.points if isinstance(trial.points, Points) else Points([], 0)
            last = before[-1].step if len(before) else float("-inf")
            new = [Point(*point) for point in event.points if point[0] > last]
            if new:
                self._put(evolve(trial, points=before.extended(new)))

    def _finished(self, event: ev.Finished) -> None:
        trial = self._known(event.id)
        if not trial.state.is_finished:
            report = event.report
            metadata = evolve(
                trial.metadata,
                state=event.state,
                time_end=event.time,
                evaluation_duration=report.evaluation_duration,
            )
            if report.learning_curve is None and trial.points:
                report = evolve(report, learning_curve=[point.objective for point in trial.points])
            if event.state is State.SUCCESS and not self.shape.is_complete:
                self._learn(self.shape.completed(report))
            self._put(evolve(trial, state=event.state, metadata=metadata, report=report))
        elif event.time != trial.metadata.time_end:  # not the same one, stored twice
            # No change of the trial: nobody who follows it has to look again.
            self._trials[trial.id] = evolve(trial, superseded=(*trial.superseded, event.report))

    def _learn(self, shape: Shape) -> None:
        """Take in what results have in common, of which those of before it was known lack some."""
        if shape == self.shape:
            return
        self.shape = shape
        for trial in list(self._trials.values()):
            if trial.state is not State.SUCCESS or trial.report is None:
                continue
            report = shape.amended(trial.report)
            if report != trial.report:
                self._put(evolve(trial, report=report))
                self.trials.deletions += 1

    def outlasted(self, trial_id: str) -> tuple[int, float]:
        """How often in a row a trial has outlasted its worker, if it does so now, and the furthest step of its reports.

        A further step than before begins a new row.
        """
        times, furthest = self._outlasted.get(trial_id, (0, float("-inf")))
        points = self._known(trial_id).points
        step = points[-1].step if len(points) else float("-inf")
        return (1, step) if step > furthest else (times + 1, furthest)

    def _requeued(self, event: ev.Requeued) -> None:
        trial = self._known(event.id)
        if trial.state is State.EVALUATING and not trial.metadata.is_asynchronous and _is_by(event, trial):
            if event.outlasted:
                self._outlasted[trial.id] = self.outlasted(trial.id)
            metadata = evolve(trial.metadata, state=State.PENDING, starts=trial.metadata.starts - event.orderly)
            self._put(evolve(trial, state=State.PENDING, metadata=metadata))

    def _deleted(self, event: ev.Deleted) -> None:
        if self._trials.pop(event.id, None) is not None:
            self._changes.append(event.id)
            self.removed.add(event.id)
            self.trials.deletions += 1
            self.pending.pop(event.id, None)
            self._enqueued.pop(event.id, None)
            self.evaluating.pop(event.id, None)
            self.notes.pop(event.id, None)
            self._outlasted.pop(event.id, None)

    def _noted(self, event: ev.Noted) -> None:
        self.notes.pop(event.id, None)
        if event.text and event.id in self._trials:
            self.notes[event.id] = event.text

    def _known(self, trial_id: str) -> Trial:
        """The trial, or a corrupted one where the record of its configuration was lost."""
        if trial_id not in self._trials:
            self.highest_number = max(self.highest_number, number_of(trial_id))
            report = Report(err="the record of its configuration is damaged", reported_as=State.CORRUPTED.value)
            metadata = Metadata(location=location_of(trial_id), state=State.CORRUPTED)
            self._put(Trial(trial_id, {}, State.CORRUPTED, metadata, report))
        return self._trials[trial_id]


def _is_by(event: ev.Requeued | ev.Detached, trial: Trial) -> bool:
    """Whether an event is about the evaluation that is under way, and not about one that others have taken over."""
    return event.worker is None or event.worker == trial.metadata.evaluating_worker_id
