"""Spaces written in ConfigSpace, with conditions and forbidden clauses.

ConfigSpace itself says which hyperparameters are active and what is forbidden. Configurations that are
forbidden are walked again until one is allowed, which makes the uniform distribution over all
configurations the uniform one over the allowed ones.

- A normal or beta distribution becomes the prior; the weights of a categorical are how it is sampled, and a choice of
  weight 0 is none.
- An integer or float with `meta={"fidelity": True}` is the fidelity.

ConfigSpace is imported only when an object of it, or a run that was made with one, turns up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from neps_core import (
    CategoricalDomain,
    Config,
    ConfigError,
    Decide,
    Domain,
    FloatDomain,
    IntegerDomain,
    Resolution,
    SearchSpace,
    SpaceError,
    documents,
    hookimpl,
)
from neps_core.nesting import refuse_endless
from neps_core.results import plain
from neps_core.spaces.labels import labels_of
from neps_core.spaces.priors import CategoryPrior, TabulatedPrior

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

FORMAT = "configspace"

#: How many walks in a row may be forbidden before the space counts as infeasible.
TRIES = 2000

#: How many walks in a row may give the same forbidden configuration before the source counts as stubborn.
SAME = 20

#: How many cells a normal or beta distribution is tabulated in.
CELLS = 512


@hookimpl
def neps_parse_space(space: Any) -> SearchSpace | None:
    """A `ConfigSpace.ConfigurationSpace`."""
    if not any(cls.__module__.partition(".")[0] == "ConfigSpace" for cls in type(space).__mro__):
        return None
    from ConfigSpace import ConfigurationSpace

    return ConditionalSpace(space) if isinstance(space, ConfigurationSpace) else None


@hookimpl
def neps_load_space(document: Mapping[str, Any]) -> ConfigurationSpace | None:
    """Documents of the format `configspace`."""
    if document.get("format") != FORMAT:
        return None
    from ConfigSpace import ConfigurationSpace

    try:
        serialized = {
            **document["written_by"],
            "name": document["name"],
            "hyperparameters": [
                {"name": n, **_translated(rest, _read)} for n, rest in document["hyperparameters"].items()
            ],
            "conditions": _translated(document["conditions"], _read),
            "forbiddens": _translated(document["forbiddens"], _read),
        }
        return ConfigurationSpace.from_serialized_dict(serialized)
    except SpaceError:
        raise
    except Exception as reason:  # another library's, so anything
        raise SpaceError(f"the stored ConfigurationSpace can't be read: {reason!r}.") from reason


@hookimpl
def neps_example_spaces() -> Mapping[str, Any]:
    """One with a condition and a forbidden clause."""
    try:
        from ConfigSpace import (
            Categorical,
            ConfigurationSpace,
            EqualsCondition,
            Float,
            ForbiddenAndConjunction,
            ForbiddenEqualsClause,
        )
    except ImportError:
        return {}
    space = ConfigurationSpace()
    kernel, loss = Categorical("kernel", ["poly", "rbf"]), Categorical("loss", ["l1", "l2"])
    degree = Float("degree", (1, 5))
    space.add(kernel, loss, degree, EqualsCondition(degree, kernel, "poly"))
    space.add(ForbiddenAndConjunction(ForbiddenEqualsClause(kernel, "rbf"), ForbiddenEqualsClause(loss, "l1")))
    return {"conditional": space}


#: What holds a value of a hyperparameter, and what several. They are written as constants, for a value may be anything.
_VALUE, _VALUES = ("default_value", "value"), ("choices", "sequence", "values")


def _translated(document: Any, translate: Callable[[Any], Any]) -> Any:
    """A copy of a part of ConfigSpace's own document, in which values of hyperparameters are translated."""
    if isinstance(document, (list, tuple)):
        return [_translated(item, translate) for item in document]
    if not isinstance(document, Mapping):
        return plain(document)
    return {
        key: translate(item)
        if key in _VALUE
        else [translate(each) for each in item]
        if key in _VALUES
        else _translated(item, translate)
        for key, item in document.items()
    }


def _read(value: Any) -> Any:
    return documents.restore(documents.read(value))


class ConditionalSpace:
    """The `SearchSpace` of a `ConfigurationSpace`.

    Args:
        space: It must not change afterwards.

    Raises:
        SpaceError: If a hyperparameter is of an unknown kind.
    """

    has_fixed_domains = True

    def __init__(self, space: ConfigurationSpace) -> None:
        from ConfigSpace.hyperparameters import Constant
        from ConfigSpace.types import NotSet

        self._space = space
        self._not_set = NotSet
        self._conditions = {name: conditions for name, conditions in space.parent_conditions_of.items() if conditions}
        self._clauses = list(space.forbidden_clauses)
        conditional = set(space.conditional_hyperparameters)
        self._steps: list[tuple[str, Any, Domain | None, dict[Any, Any]]] = []
        for name, hyperparameter in space.items():  # parents before their children
            domain, values = None, {}
            is_constant = isinstance(hyperparameter, Constant)
            try:
                refuse_endless(getattr(hyperparameter, "value" if is_constant else "choices", ()))
            except ValueError as reason:
                raise SpaceError(f"{name}: {reason}.") from None
            if not is_constant:
                domain = _domain(name, hyperparameter)
            if isinstance(domain, CategoricalDomain):
                values = dict(zip(domain.choices, _choices(hyperparameter)))
                if len(values) < len(domain.choices):  # labels that Python calls equal: 1 and True
                    raise SpaceError(f"{name}: the choices {domain.choices} are not all different for ConfigSpace.")
            self._steps.append((name, hyperparameter, domain, values))
        domains = {name: domain for name, _, domain, _ in self._steps if domain is not None}
        self.fidelities = {name: domain for name, domain in domains.items() if domain.is_fidelity}
        self.flat_domains = None if self._conditions or self._clauses else domains
        self.has_priors = any(domain.prior is not None for domain in domains.values())
        self.argument_names = {name: name not in conditional for name in space}

    def from_arguments(self, arguments: Mapping[str, Any]) -> Config:
        """Turn choices into their labels and leave out constants; see `SearchSpace.from_arguments`."""
        config = dict(arguments)
        for name, hyperparameter, domain, values in self._steps:
            if name not in config:
                continue
            if domain is None:
                if config.pop(name) != hyperparameter.value:
                    raise ConfigError(f"{name!r} is the constant {hyperparameter.value!r} in this space.")
            else:
                labels = (label for label, value in values.items() if _same(value, config[name]))
                config[name] = next(labels, config[name])
        return config

    def check_usable(self) -> None:
        """A stored space has all that it needs."""

    def resolve(self, decide: Decide) -> Resolution:
        """Walk the active hyperparameters, parents first; see `SearchSpace.resolve`."""
        restart = getattr(decide, "restart", None)
        before: Config = {}
        same = 0
        for _ in range(TRIES):
            if restart is not None:
                restart()
            config, arguments = self._walk(decide)
            clause = self._forbidden(arguments)
            if clause is None:
                return Resolution(config, partial(documents.build, arguments))
            same = same + 1 if config == before else 0
            if same == SAME:
                raise ConfigError(f"{config} is forbidden by {clause}.")
            before = config
        raise ConfigError(
            f"{TRIES} configurations in a row were forbidden, the last one by {clause}. The space is practically "
            "infeasible: narrow its domains to what is allowed."
        )

    def _walk(self, decide: Decide) -> tuple[Config, dict[str, Any]]:
        config: Config = {}
        arguments: dict[str, Any] = {}
        for name, hyperparameter, domain, values in self._steps:
            if not self._is_active(name, arguments):
                continue
            if domain is None:
                arguments[name] = hyperparameter.value
                continue
            decision = config[name] = decide(name, domain)
            arguments[name] = values[decision] if values else decision
        return config, arguments

    def _is_active(self, name: str, arguments: dict[str, Any]) -> bool:
        if name not in self._conditions:
            return True
        values = _WithDefault(arguments)
        values.default = self._not_set
        return all(condition.satisfied_by_value(values) for condition in self._conditions[name])

    def _forbidden(self, arguments: dict[str, Any]) -> Any:
        """The clause that forbids a configuration, if any."""
        return next((c for c in self._clauses if c.is_forbidden_value(arguments)), None)

    def to_document(self) -> dict[str, Any]:
        """The space in ConfigSpace's own terms, the hyperparameters by name."""
        serialized = _translated(self._space.to_serialized_dict(), documents.write)
        versions = {key: serialized[key] for key in ("python_module_version", "format_version")}
        named = {item["name"]: {k: v for k, v in item.items() if k != "name"} for item in serialized["hyperparameters"]}
        return {
            "format": FORMAT,
            "name": serialized["name"],
            "hyperparameters": named,
            "conditions": serialized["conditions"],
            "forbiddens": serialized["forbiddens"],
            "written_by": versions,
        }


class _WithDefault(dict[str, Any]):
    """Values by name; those of inactive hyperparameters are not set."""

    default: Any = None

    def __missing__(self, name: str) -> Any:
        return self.default


def _same(a: Any, b: Any) -> bool:
    return bool(repr(a) == repr(b) and type(a) is type(b))


def _choices(hyperparameter: Any) -> tuple[Any, ...]:
    """What there is to choose from. What weighs nothing is never chosen, so it is none of the choices."""
    from ConfigSpace.hyperparameters import OrdinalHyperparameter

    if isinstance(hyperparameter, OrdinalHyperparameter):
        return tuple(hyperparameter.sequence)
    weights = hyperparameter.weights or (1.0,) * len(hyperparameter.choices)
    return tuple(choice for choice, weight in zip(hyperparameter.choices, weights) if weight > 0)


def _domain(name: str, hyperparameter: Any) -> Domain:
    from ConfigSpace import hyperparameters as kinds

    is_fidelity = bool((hyperparameter.meta or {}).get("fidelity"))
    if isinstance(hyperparameter, (kinds.CategoricalHyperparameter, kinds.OrdinalHyperparameter)):
        if is_fidelity:
            raise SpaceError(f"{name}: a fidelity is an integer or a float.")
        choices = _choices(hyperparameter)
        weights = [weight for weight in getattr(hyperparameter, "weights", None) or () if weight > 0]
        shares = CategoryPrior(tuple(map(float, weights))) if weights else None
        ordered = isinstance(hyperparameter, kinds.OrdinalHyperparameter)
        return CategoricalDomain(labels_of(choices), ordered=ordered, weights=shares)
    if not isinstance(hyperparameter, (kinds.FloatHyperparameter, kinds.IntegerHyperparameter)):
        raise SpaceError(f"{name}: hyperparameters of the kind {type(hyperparameter).__name__} are not known.")
    make: Any = FloatDomain if isinstance(hyperparameter, kinds.FloatHyperparameter) else IntegerDomain
    number = float if make is FloatDomain else int
    lower, upper = number(hyperparameter.lower), number(hyperparameter.upper)
    flat = make(lower, upper, bool(hyperparameter.log), None, is_fidelity)
    uniform = (kinds.UniformFloatHyperparameter, kinds.UniformIntegerHyperparameter)
    if isinstance(hyperparameter, uniform):
        return flat  # type: ignore[no-any-return]
    if is_fidelity:
        raise SpaceError(f"{name}: a fidelity has no prior; make it uniform.")
    import numpy as np

    with np.errstate(all="ignore"):  # densities underflow far from their modes, whatever the user thinks of that
        prior = _prior(hyperparameter, flat)
    return make(lower, upper, flat.log, prior)  # type: ignore[no-any-return]


def _prior(hyperparameter: Any, flat: FloatDomain | IntegerDomain) -> TabulatedPrior:
    """The distribution of a normal or beta hyperparameter.

    ConfigSpace draws a position between the bounds, on their (log) scale, from a distribution of SciPy's, and rounds
    what is to be an integer. Cells are narrow where much of the distribution lies, so that it may be as narrow as it
    likes.
    """
    import numpy as np

    if isinstance(flat, IntegerDomain) and (flat.size or 0) <= 8 * CELLS:
        return _rounded_prior(hyperparameter, flat)
    distribution = hyperparameter._vector_dist.rv  # nothing public gives it, and for logarithms it is peculiar
    tails = 10.0 ** -np.arange(3, 16)
    shares = np.concatenate([np.linspace(0.0, 1.0, CELLS + 1)[1:-1], tails, 1.0 - tails])
    edges = np.unique([*np.linspace(0.0, 1.0, CELLS + 1), *np.clip(distribution.ppf(shares), 0.0, 1.0)])
    edges = edges[np.diff(edges, append=2.0) > 1e-14]
    edges[0] = 0.0
    densities = np.diff(distribution.cdf(edges))
    if isinstance(flat, IntegerDomain) and flat.log:  # for us, the bounds have cells around them
        values = flat.lower * (flat.upper / flat.lower) ** edges
        edges = np.array([0.0, *(flat.to_unit(value) for value in values[1:-1]), 1.0])
    densities /= np.diff(edges)
    return TabulatedPrior(tuple(map(float, densities)), tuple(map(float, edges)))


def _rounded_prior(hyperparameter: Any, flat: IntegerDomain) -> TabulatedPrior:
    """The distribution of not too many integers, each with a cell of its own.

    On a logarithmic scale ConfigSpace rounds twice, to positions and to values: some are never drawn, and others for
    several positions.
    """
    import numpy as np

    n = flat.size or 1
    shares = np.diff(hyperparameter._vector_dist.rv.cdf(np.linspace(0.0, 1.0, n + 1)))
    values = hyperparameter.to_value(np.linspace(0.0, 1.0, n)) - flat.lower
    of_value = np.bincount(values.astype(int), weights=shares, minlength=n)
    ends = np.array([*(flat.cell(value)[0] for value in range(flat.lower, flat.upper + 1)), 1.0])
    return TabulatedPrior(tuple(map(float, of_value / np.diff(ends))), tuple(map(float, ends)))
