"""Lets the reference show how attrs classes are called; used when the site is built (mkdocs.yml).

The reference is made by reading the code, and there attrs classes have no `__init__`. This adds one,
from the annotated fields of the class and its bases.
"""

from __future__ import annotations

from typing import Any

import griffe

DECORATORS = {"attrs.frozen", "attrs.define"}


def _is_attrs(cls: griffe.Class) -> bool:
    paths = (d.value.canonical_path for d in cls.decorators if isinstance(d.value, griffe.Expr))
    return any(path in DECORATORS for path in paths)


def _field_keywords(value: Any) -> dict[str, Any] | None:
    """The keywords of `field(...)`; None for any other default."""
    if isinstance(value, griffe.ExprCall) and value.canonical_path == "attrs.field":
        return {a.name: a.value for a in value.arguments if isinstance(a, griffe.ExprKeyword)}
    return None


def _parameters(cls: griffe.Class) -> dict[str, griffe.Parameter]:
    found = {}
    for field in cls.attributes.values():
        if field.annotation is None or field.is_alias or "property" in field.labels or field.value is field.annotation:
            continue
        default, keywords = field.value, _field_keywords(field.value)
        if keywords is not None:
            if str(keywords.get("init")) == "False":
                continue
            factory = keywords.get("factory")
            default = keywords.get("default") if factory is None else f"{factory}()"
        name = field.name.lstrip("_")
        kind = griffe.ParameterKind.positional_or_keyword
        found[name] = griffe.Parameter(name, annotation=field.annotation, kind=kind, default=default)
    return found


class AttrsClasses(griffe.Extension):
    """Gives every attrs class an `__init__`."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Called when a package has been read."""
        self._visit(pkg)

    def _visit(self, holder: griffe.Module | griffe.Class) -> None:
        for member in list(holder.members.values()):
            if member.is_alias:
                continue
            if isinstance(member, griffe.Class) and "__init__" not in member.members and _is_attrs(member):
                parameters: dict[str, griffe.Parameter] = {}
                for cls in (*reversed(member.mro()), member):
                    if _is_attrs(cls):
                        parameters.update(_parameters(cls))
                itself = griffe.Parameter("self", kind=griffe.ParameterKind.positional_or_keyword)
                made = griffe.Function("__init__", parameters=griffe.Parameters(itself, *parameters.values()))
                member.set_member("__init__", made)
            if isinstance(member, (griffe.Module, griffe.Class)):
                self._visit(member)
