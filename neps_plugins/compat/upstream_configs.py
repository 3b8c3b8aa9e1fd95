"""Configurations in the notation of neural-pipeline-search, translated into decisions by path.

There, a decision is stored under the way that its parameter was first met on: `SAMPLING__Resolvable.` and the way,
`::` and the domain (`op.args.sequence[0]::integer__1_5_False`); a choice by its index; a fidelity as
`ENVIRONMENT__NAME`. A parameter, an operation or a choice has one value wherever it is met, also inside something that
is resampled; only what `Resample` itself stands for is drawn anew, each time that it is met.

So a configuration is translated by walking the space with both ways in mind, ours and theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neps_core import CategoricalDomain, Config, ConfigError, Domain, SearchSpace, Value, hookimpl
from neps_plugins.spaces.pipeline.categorical import Categorical
from neps_plugins.spaces.pipeline.operations import Operation, Repeated
from neps_plugins.spaces.pipeline.references import ByName
from neps_plugins.spaces.pipeline.space import AttributeSpace
from neps_plugins.spaces.pipeline.walk import Part, Walk

SAMPLED, FIDELITY = "SAMPLING__", "ENVIRONMENT__"


@hookimpl
def neps_read_config(space: SearchSpace, config: Mapping[str, Any]) -> Config | None:
    """Configurations with a key of this notation."""
    theirs = [key for key in config if isinstance(key, str) and key.startswith((SAMPLED, FIDELITY))]
    if not theirs:
        return None
    if not isinstance(space, AttributeSpace):
        raise ConfigError(f"{theirs[0]!r} can be translated for a PipelineSpace or a dict only. Give such a space.")
    answers = _Answers(config)
    _, walk = space.walked(answers, _TwoWays)
    answers.check_used()
    return {path: value for path, value in walk.decisions.items() if path not in answers.open}


class _Answers:
    """What a configuration decides, by their way.

    Args:
        config: In their notation.

    Attributes:
        way: To the part that is being decided; set by the walk.
        owner: What tells that part from all others, and from its resampled self.
        open: Our paths of the fidelities that it leaves open.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._fidelities = {key: value for key, value in config.items() if key.startswith(FIDELITY)}
        self._keys: dict[str, str] = {}
        for key in config:
            if key.startswith(SAMPLED):
                self._keys[key.removeprefix(SAMPLED).rpartition("::")[0]] = key
            elif key not in self._fidelities:
                raise ConfigError(f"{key!r} is no key of a configuration whose keys begin with {SAMPLED!r}.")
        self._config = config
        self._used: set[str] = set()
        self._given: dict[Any, Any] = {}
        self.way = ""
        self.owner: Any = None
        self.open: set[str] = set()

    def __call__(self, path: str, domain: Domain) -> Value:
        if domain.is_fidelity:
            return self._fidelity(path, domain)
        if self.owner not in self._given:
            key = self._keys.get(self.way)
            if key is None:
                raise ConfigError(f"the configuration has no value for {SAMPLED}{self.way} (here {path!r}).")
            self._used.add(key)
            self._given[self.owner] = (key, self._config[key])
        key, value = self._given[self.owner]
        return _choice(key, value, domain) if isinstance(domain, CategoricalDomain) else _checked(key, value, domain)

    def _fidelity(self, path: str, domain: Domain) -> Value:
        key = f"{FIDELITY}{path}"
        if key in self._fidelities:
            self._used.add(key)
            return _checked(key, self._config[key], domain)
        self.open.add(path)
        return domain.default()

    def check_used(self) -> None:
        """Make sure that nothing was left over.

        Raises:
            ConfigError: Naming the first key that the space does not ask for.
        """
        for key in self._config:
            if key not in self._used:
                raise ConfigError(f"{key!r} decides nothing in this space.")


def _checked(key: str, value: Any, domain: Domain) -> Value:
    try:
        return domain.check(value)
    except ValueError as reason:
        raise ConfigError(f"{key!r}: {reason}.") from None


def _choice(key: str, index: Any, domain: CategoricalDomain) -> Value:
    n = len(domain.choices)
    kind = key.rpartition("::")[2]
    if kind != f"categorical__{n}":
        raise ConfigError(f"{key!r} is a {kind}, and the space has {n} choices there.")
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < n:
        raise ConfigError(f"{key!r}: {index!r} is no index into {n} choices.")
    return domain.choices[index]


class _TwoWays(Walk):
    """A walk that knows by which way the other framework comes to each part."""

    __slots__ = ("_answers", "_at")

    def __init__(self, decide: _Answers, *rest: Any) -> None:
        super().__init__(decide, *rest)
        self._answers = decide
        #: What is being resolved, our path to it, their way, and whose decisions are taken there.
        self._at: tuple[Any, str, str, Any] = (None, "", "Resolvable", None)

    def value(self, thing: Any, path: str) -> Any:
        before = self._at
        # What is an attribute, we walk under its name.
        ours = self._names.get(id(thing), path) if isinstance(thing, Part) and not thing.forwards else path
        self._at = (thing, ours, self._way(path), id(thing))
        value = super().value(thing, path)
        self._at = before
        return value

    def fresh(self, thing: Any, path: str) -> Any:
        before, way = self._at, self._way(path)
        while isinstance(thing, Part) and thing.forwards:
            thing = self.target(thing)
        self._at = (thing, path, f"{way}.resampled_{type(thing).__name__.lower()}", object())
        value = super().fresh(thing, path)
        self._at = before
        return value

    def decide(self, path: str, domain: Domain) -> Value:
        _, _, self._answers.way, self._answers.owner = self._at
        return super().decide(path, domain)

    def _way(self, path: str) -> str:
        """Their way to what we come to by a path from here."""
        part, ours, way, _ = self._at
        step = path.removeprefix(ours)
        if isinstance(part, ByName):
            return f"{way}.{part.name}"
        if part is None:
            return f"{way}.{step}"
        return way + _step(part, step) if step else way


_OPERATION = {"()": ".operator", "[*]": ".args", "[**]": ".kwargs"}
_CATEGORICAL = {":choices": ".choice_provider", ":prior": ".prior", ":prior_confidence": ".prior_confidence"}


def _step(part: Any, step: str) -> str:
    """Their step from a part to what is in it, for ours."""
    index = step.startswith("[")
    if isinstance(part, Operation):
        return _OPERATION.get(step) or (
            f".args.sequence{step}" if index else f".kwargs.mapping_value{{{step.removeprefix('.')}}}"
        )
    if isinstance(part, Categorical):
        return _CATEGORICAL.get(step, ".sampled_value")
    if isinstance(part, Repeated):
        return f".repeated_item{step}" if index else ".repeat_count"
    if isinstance(part, (list, tuple)):
        return f".sequence{step}"
    if isinstance(part, dict):
        return f".mapping_value{{{step[2:-2]}}}"
    return step.replace(":", ".", 1)  # a bound or a prior of a number
