"""`PipelineSpace`: the space as a class body, and its `SearchSpace`."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from functools import partial
from types import FunctionType
from typing import Any

import attrs
import numpy as np

from neps_core import Config, ConfigError, Decide, Domain, Fixed, Resolution, SpaceError, Uniform, nearest
from neps_core.documents import Deferred, Named, build
from neps_core.nesting import contents, refuse_endless
from neps_core.reserved import RESERVED
from neps_plugins.spaces.pipeline import documents
from neps_plugins.spaces.pipeline.categorical import Categorical
from neps_plugins.spaces.pipeline.derivations import leans_of
from neps_plugins.spaces.pipeline.operations import Operation
from neps_plugins.spaces.pipeline.parameters import Fidelity, Float, Integer
from neps_plugins.spaces.pipeline.references import ByName, Resample
from neps_plugins.spaces.pipeline.shorthand import HPOConstant
from neps_plugins.spaces.pipeline.walk import Part, Walk, parts_in

FORMAT = "pipeline_space"


class _CheckedWhenBuilt(type):
    """Checks an instance once its `__init__` is through, so that subclasses may set attributes there."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        space = super().__call__(*args, **kwargs)
        object.__setattr__(space, "_search_space", AttributeSpace(_gather(space), type(space).__name__))
        return space


class PipelineSpace(metaclass=_CheckedWhenBuilt):
    """A search space, written as the attributes of a subclass.

    A parameter (`Float`, `Integer`, `Categorical`, a fidelity) is an argument of `evaluate_pipeline` that
    varies; any other public attribute is a constant, of which a copy is handed over; an attribute that begins
    with an underscore is a building block that other attributes may use, and is never handed over.

    ```python
    class Space(neps.PipelineSpace):
        learning_rate = neps.Float(1e-4, 1e-1, log=True)
        layers = neps.Integer(1, 5)
        optimizer = neps.Categorical(["adam", "sgd"], prior=0)
        epochs = neps.IntegerFidelity(1, 27)
        batch_size = 64
    ```

    A space does not change once it is built; `add`, `remove` and `add_prior` give new ones.

    Raises:
        SpaceError: When it is built, if something in it can't be meant; the message names the attribute.
    """

    _search_space: AttributeSpace

    def __setattr__(self, name: str, value: Any) -> None:
        if "_search_space" in self.__dict__:
            raise SpaceError(
                f"a space does not change; use space.add({name}=...)-style calls: space.add(value, {name!r})."
            )
        object.__setattr__(self, name, value)

    def get_attrs(self) -> dict[str, Any]:
        """All attributes by name: parameters, constants and building blocks."""
        return dict(self._search_space.attributes)

    @property
    def fidelity_attrs(self) -> dict[str, Fidelity]:
        """The fidelities by name."""
        return {name: value for name, value in self.get_attrs().items() if isinstance(value, Fidelity)}

    def has_priors(self) -> bool:
        """Whether anything that is decided has a prior."""
        return self._search_space.has_priors

    def add(self, new_param: Any, name: str | None = None) -> PipelineSpace:
        """A new space with one attribute more.

        Args:
            new_param: A parameter or a constant.
            name: The attribute's name; `param_N` if left out, where the new one is the N-th.

        Raises:
            SpaceError: If there is such an attribute already, or the new space makes no sense.
        """
        attributes = self._search_space.attributes
        if name is None:
            numbers = range(len(attributes) + 1, 2 * len(attributes) + 2)
            name = next(made for made in map("param_{}".format, numbers) if made not in attributes)
        if name in attributes:
            raise SpaceError(f"{name!r} is in this space already; remove it first.")
        return from_attributes({**attributes, name: new_param}, self._search_space.name)

    def remove(self, name: str) -> PipelineSpace:
        """A new space without an attribute.

        Raises:
            SpaceError: If there is no such attribute.
        """
        attributes = dict(self._search_space.attributes)
        if name not in attributes:
            raise SpaceError(f"there is no {name!r} in this space. {nearest(name, attributes)}")
        del attributes[name]
        return from_attributes(attributes, self._search_space.name)

    def add_prior(self, parameter_name: str, prior: Any, prior_confidence: Any = None) -> PipelineSpace:
        """A new space in which a parameter has this prior.

        Args:
            parameter_name: The parameter's attribute.
            prior: The value (for a `Categorical`, the index) believed to be good.
            prior_confidence: `"low"`, `"medium"` or `"high"`.

        Raises:
            SpaceError: If there is no such parameter, it can't have a prior, or the prior is outside it.
        """
        attributes = self._search_space.attributes
        if parameter_name not in attributes:
            raise SpaceError(f"there is no {parameter_name!r} in this space. {nearest(parameter_name, attributes)}")
        parameter = attributes[parameter_name]
        if not isinstance(parameter, (Float, Integer, Categorical)):
            raise SpaceError(f"{parameter_name!r} is {parameter!r}, which can't have a prior.")
        # Wherever the parameter is used, it is the new one.
        made = {id(parameter): parameter.with_prior(prior, prior_confidence)}
        return from_attributes({n: _replaced(v, made) for n, v in attributes.items()}, self._search_space.name)

    def sample(self, fidelity_values: Mapping[str, Any] | None = None) -> tuple[Config, dict[str, Any]]:
        """A random configuration.

        Args:
            fidelity_values: Values of fidelities by name; one that is left out gets its upper bound.

        Returns:
            The configuration as it would be stored, and the arguments that `evaluate_pipeline` would get.

        Raises:
            SpaceError: If a name is no fidelity of this space.
            ConfigError: If a value lies outside its fidelity.
        """
        space = self._search_space
        values = {path: getattr(domain, "upper", None) for path, domain in space.fidelities.items()}
        for name in fidelity_values or {}:
            if name not in values:
                raise SpaceError(f"{name!r} is no fidelity of this space. {nearest(name, values)}")
        values.update(fidelity_values or {})
        resolution = space.resolve(Fixed(values, Uniform(np.random.default_rng())))
        return resolution.config, resolution.arguments()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled and copied as what it is made of, for two parts are one only if they are one object."""
        attributes = self._search_space.attributes
        in_class = _gather(object.__new__(type(self)))
        if in_class.keys() == attributes.keys() and all(in_class[name] is attributes[name] for name in attributes):
            return _built, (type(self), {}, self._search_space.name)  # pickle need not know the functions in the class
        return _built, (type(self), attributes, self._search_space.name)

    def __repr__(self) -> str:
        lines = [f"    {name} = {value!r}" for name, value in self._search_space.attributes.items()]
        return "\n".join([f"{self._search_space.name}:", *lines])

    def _repr_html_(self) -> str:
        return self._search_space._repr_html_()


_METHODS = frozenset(name for name in vars(PipelineSpace) if not name.startswith("_"))


def _replaced(thing: Any, made: dict[int, Any]) -> Any:
    """A thing in which parts are replaced by those in `made`, by `id`; the same object where none is in it."""
    if type(thing) in (list, tuple):
        items = [_replaced(item, made) for item in thing]
        return thing if all(a is b for a, b in zip(items, thing)) else type(thing)(items)
    if type(thing) is dict:
        values = {key: _replaced(value, made) for key, value in thing.items()}
        return thing if all(values[key] is thing[key] for key in thing) else values
    if not isinstance(thing, Part) or isinstance(thing, Fidelity):
        return thing
    if id(thing) not in made:
        given = {f.name: getattr(thing, f.name) for f in attrs.fields(type(thing)) if f.init}  # type: ignore[arg-type]
        new = {name: _replaced(value, made) for name, value in given.items()}
        made[id(thing)] = thing if all(new[name] is given[name] for name in given) else type(thing)(**new)
    return made[id(thing)]


def _gather(space: PipelineSpace) -> dict[str, Any]:
    """The attributes of a space: those of its classes, base classes first, then those set on it."""
    found: dict[str, Any] = {}
    for cls in reversed(type(space).__mro__):
        if cls in (object, PipelineSpace):
            continue
        for name, value in vars(cls).items():
            helper = isinstance(value, (staticmethod, classmethod, property)) or (
                isinstance(value, FunctionType) and value.__qualname__ == f"{cls.__qualname__}.{name}"
            )
            if not helper and not (name.startswith("__") and name.endswith("__")) and name != "_abc_impl":
                found[name] = value
    found.update({name: value for name, value in vars(space).items() if name != "_search_space"})
    return found


def search_space(space: PipelineSpace) -> AttributeSpace:
    """What optimizers and workers see of a `PipelineSpace`."""
    return space._search_space


def from_attributes(attributes: Mapping[str, Any], name: str) -> PipelineSpace:
    """A `PipelineSpace` with just these attributes.

    Raises:
        SpaceError: As the class does.
    """
    return _built(PipelineSpace, attributes, name)


def _built(cls: type[PipelineSpace], own: Mapping[str, Any], name: str) -> PipelineSpace:
    """A space of this class and name with attributes of its own."""
    space = object.__new__(cls)
    vars(space).update(own)
    vars(space)["_search_space"] = AttributeSpace(_gather(space), name)
    return space


class AttributeSpace:
    """The `SearchSpace` of named attributes, each a parameter or a constant.

    Args:
        attributes: By name; names that begin with an underscore are not handed over.
        name: What the space is called.

    Raises:
        SpaceError: Naming the attribute that can't be meant.
    """

    def __init__(self, attributes: Mapping[str, Any], name: str = "space") -> None:
        self.attributes = {n: v.value if isinstance(v, HPOConstant) else v for n, v in attributes.items()}
        self.name = name
        for attribute, value in self.attributes.items():
            _check_name(attribute)
            try:
                refuse_endless(value, lambda thing: thing.children if isinstance(thing, Part) else contents(thing))
            except ValueError as reason:
                raise SpaceError(f"{attribute}: {reason}.") from None
        self._public = [(n, v) for n, v in self.attributes.items() if not n.startswith("_")]
        # The first of several names for one object is its name.
        self._names = {id(v): n for n, v in reversed(self.attributes.items()) if isinstance(v, Part)}
        for attribute, value in self.attributes.items():
            self._check_parts(attribute, value)
        self._leans = leans_of(self.attributes)
        parts = self._used_parts()
        used = {self._names[id(part)]: part.domain() for part in parts if isinstance(part, Fidelity)}
        self.fidelities: dict[str, Domain] = {name: used[name] for name in self.attributes if name in used}
        self.has_priors = any(part.has_prior for part in parts)
        #: Whether nothing in it was read from a file of somebody else: then the user may sign it.
        self.is_own = all(
            part.trusted for v in self.attributes.values() for part in parts_in(v) if isinstance(part, Named)
        )
        self.has_fixed_domains = not any(part.has_open_domain for part in parts)
        self.flat_domains = self._independent_domains()
        self.argument_names = {name: True for name, _ in self._public}
        is_flat = self.flat_domains is not None
        self.constants = {name: value for name, value in self._public if is_flat and _is_shown(value)}

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled and copied as its attributes: what is known of the parts by their `id` is found out anew."""
        return type(self), (self.attributes, self.name)

    def __repr__(self) -> str:
        return f"<space {self.name}: {', '.join(self.attributes)}>"

    def _repr_html_(self) -> str:
        from neps_plugins.spaces.pipeline.tree import space_as_html  # which only notebooks need

        return space_as_html(self.name, self.attributes)

    def from_arguments(self, arguments: Mapping[str, Any]) -> Config:
        """Turn choices into their labels and leave out constants; see `SearchSpace.from_arguments`."""
        config: Config = {}
        for name, value in arguments.items():
            part = self.attributes.get(name)
            if isinstance(part, Categorical):
                config[name] = part.label_for(value)
            elif (isinstance(part, Part) and not isinstance(part, Deferred)) or name not in self.argument_names:
                config[name] = value
            elif (made := build(part)) is not value and repr(made) != repr(value):
                raise ConfigError(f"{name!r} is the constant {part!r} in this space, not {value!r}.")
        return config

    def check_usable(self) -> None:
        """Try everything that is made only when it is needed; see `SearchSpace.check_usable`."""
        missing: list[str] = []
        for attribute, value in self.attributes.items():
            for part in parts_in(value):
                try:
                    if isinstance(part, Deferred):
                        part.build()
                    elif isinstance(part, Operation) and isinstance(part.operator, Deferred):
                        part.operator.build_operator()
                except SpaceError as reason:
                    missing.append(f"{attribute}: {reason}")
        if missing:
            raise SpaceError("the stored space can't be used as it is:\n  " + "\n  ".join(dict.fromkeys(missing)))

    def _independent_domains(self) -> dict[str, Domain] | None:
        """The decisions of a space in which every attribute is one decision or a constant; None for any other."""
        domains = {}
        for name, value in self._public:
            if isinstance(value, (Float, Integer, Categorical, Fidelity)) and self._names[id(value)] == name:
                if value.has_open_domain or (isinstance(value, Categorical) and value.has_parts):
                    return None
                domains[name] = value.domain()
            elif any(not isinstance(part, Deferred) for part in parts_in(value)):
                return None
        return domains

    def _flat_arguments(self, config: Config) -> dict[str, Any]:
        arguments = {}
        for name, value in self._public:
            if isinstance(value, Categorical):
                arguments[name] = build(value.choices[value.domain().index(config[name])])
            else:
                arguments[name] = config[name] if name in config else build(value)
        return arguments

    def resolve(self, decide: Decide) -> Resolution:
        """Walk the public attributes in order; see `SearchSpace.resolve`."""
        if self.flat_domains is not None:  # the same walk, without its book-keeping: most spaces, and half the time
            config = {name: decide(name, domain) for name, domain in self.flat_domains.items()}
            return Resolution(config, partial(self._flat_arguments, config))
        values, walk = self.walked(decide, Walk)
        return Resolution(walk.decisions, lambda: {name: build(value) for name, value in values.items()})

    def walked(self, decide: Decide, kind: type[Walk]) -> tuple[dict[str, Any], Walk]:
        """Walk the public attributes in order.

        Args:
            decide: Answers the questions.
            kind: The class of the walk.

        Returns:
            Their values by name, and the walk after it.

        Raises:
            ConfigError: As for `resolve`.
        """
        walk = kind(decide, self.attributes, self._names, self._leans)
        try:
            return {name: walk.value(thing, name) for name, thing in self._public}, walk
        except RecursionError:
            raise ConfigError("the configuration is nested too deeply for Python; make the space flatter.") from None

    def to_document(self) -> dict[str, Any]:
        """The space as plain data; see `neps_plugins.spaces.pipeline.documents`."""
        return {
            "format": FORMAT,
            "name": self.name,
            "attributes": documents.write_attributes(self.attributes),
        }

    def _used_parts(self) -> list[Part]:
        """The parts that a configuration may be made of, each once."""
        found: dict[int, Part] = {}
        waiting = [value for _, value in self._public]
        while waiting:
            for part in parts_in(waiting.pop()):
                if id(part) not in found:
                    found[id(part)] = part
                    if isinstance(part, ByName):
                        waiting.append(part.target(self.attributes))
        return list(found.values())

    def _target(self, part: Any) -> Any:
        """What a part stands for in the end; the part itself if it forwards to nothing that is there."""
        seen: set[int] = set()
        while isinstance(part, Part) and part.forwards and id(part) not in seen:
            seen.add(id(part))
            if isinstance(part, ByName) and part.name not in self.attributes:
                return part
            part = part.target(self.attributes)  # type: ignore[attr-defined]
        return part

    def _check_parts(self, attribute: str, value: Any) -> None:
        if isinstance(value, type) and issubclass(value, Part):
            raise SpaceError(f"{attribute}: {value.__name__} is the class; write {value.__name__}(...).")
        try:
            _refuse_odd_containers(value)
            for part in parts_in(value):
                part.check()
                for child in part.children:
                    _refuse_odd_containers(child)
                if isinstance(part, Fidelity) and not any(part is other for _, other in self._public):
                    raise ValueError(
                        "a fidelity must be an attribute of the space itself, whose name begins with no '_'"
                    )
                if isinstance(part, Resample) and isinstance(self._target(part), Fidelity):
                    raise ValueError("a fidelity has one value, so it can't be resampled")
        except ValueError as reason:
            raise SpaceError(f"{attribute}: {reason}.") from None
        except RecursionError:  # not even a message can show it
            raise SpaceError(f"{attribute}: a setting of a parameter in it is nested without an end.") from None


def from_document(document: Mapping[str, Any]) -> PipelineSpace:
    """The space that `AttributeSpace.to_document` wrote.

    Raises:
        SpaceError: If the document is none.
    """
    attributes = document.get("attributes")
    if not isinstance(attributes, Mapping):
        raise SpaceError("the stored space has no attributes.")
    return from_attributes(documents.read_attributes(attributes), str(document.get("name", "space")))


def _is_shown(constant: Any) -> bool:
    """Whether a constant is plain, and short enough to be shown with every configuration."""
    return type(constant) in (bool, int, float, type(None)) or (type(constant) is str and len(constant) <= 1000)


def _refuse_odd_containers(value: Any) -> None:
    """Refuse parts in containers that a walk does not look into."""
    items = list(value.values() if isinstance(value, Mapping) else value) if isinstance(value, _CONTAINERS) else []
    if any(isinstance(item, Part) for item in items):
        plain = type(value) in (list, tuple) or (type(value) is dict and all(isinstance(key, str) for key in value))
        if not plain:
            raise ValueError(
                f"parameters in a {type(value).__name__} are not looked at; use a list, a tuple, or a dict by text"
            )
    for item in items:
        _refuse_odd_containers(item)


_CONTAINERS = (list, tuple, set, frozenset, Mapping)


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise SpaceError(f"{name!r} can't be the name of a parameter: it is no Python identifier. Rename it.")
    if name in RESERVED:
        raise SpaceError(f"{name!r} can't be the name of a parameter: a worker passes that argument itself. Rename it.")
    if name in _METHODS:
        raise SpaceError(f"{name!r} can't be the name of a parameter: it is a method of every space. Rename it.")
