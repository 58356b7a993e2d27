"""Settings as dataclasses, read from YAML and overridden by `name.part=value`, with errors that name the line."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from manifests.errors import BadInput

__all__ = ["from_mapping", "load_settings", "to_mapping"]

T = TypeVar("T")


def load_settings(kind: type[T], path: Path | str | None = None, overrides: Sequence[str] = ()) -> T:
    """Settings from a YAML file (or the defaults), then each override in turn.

    Args:
        kind: a dataclass, whose fields may be dataclasses.
        overrides: such as "training.lr=3e-4"; values are read as YAML.

    Raises:
        FileNotFoundError: there is no such file.
        BadInput: the YAML is damaged, a setting is unknown, or a value has the wrong type; the message says which.
    """
    content: dict[str, Any] = {}
    if path is not None:
        try:
            read = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise BadInput(f"{path}: not readable as YAML ({error}).") from error
        if read is not None and not isinstance(read, dict):
            raise BadInput(f"{path}: settings are `name: value` lines, not {type(read).__name__}.")
        content = read or {}
    for override in overrides:
        _override(content, override)
    return from_mapping(kind, content, where=str(path) if path else "settings")


def _override(content: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    if not equals or not name:
        raise BadInput(f"{override!r} is no setting. Write name=value, such as training.lr=3e-4.")
    *groups, last = name.split(".")
    for group in groups:
        content = content.setdefault(group, {})
        if not isinstance(content, dict):
            raise BadInput(f"{override!r}: {group} is a value, not a group of settings.")
    try:
        content[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadInput(f"{override!r}: the value is not readable ({error}).") from error


def from_mapping(kind: type[T], content: Mapping[str, Any], where: str = "settings", base: T | None = None) -> T:
    """A dataclass from nested mappings; what is missing is as in `base`, or, without one, keeps its default.

    A group within a group keeps the defaults that the outer one gives it, which need not be those of its class.

    Raises:
        BadInput: a setting is unknown or a value has the wrong type.
    """
    if not isinstance(content, Mapping):
        raise BadInput(f"{where}: a group of settings is expected, not {content!r}.")
    hints = typing.get_type_hints(kind)
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]
    known = [field.name for field in fields]
    if unknown := [str(name) for name in content if name not in known]:
        raise BadInput(f"{where}: unknown setting {', '.join(unknown)}. Known are {', '.join(known)}.")
    usual = {field.name: _default(field) if base is None else getattr(base, field.name) for field in fields}
    values = {name: _value(hints[name], value, f"{where}, {name}", usual[name]) for name, value in content.items()}
    return kind(**{name: value for name, value in (usual | values).items() if value is not dataclasses.MISSING})


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _value(hint: Any, value: Any, where: str, usual: Any = None) -> Any:
    if dataclasses.is_dataclass(hint):
        return from_mapping(typing.cast(type[Any], hint), value, where, None if usual is dataclasses.MISSING else usual)
    origin, options = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in options:
            return None
        return _value(next(option for option in options if option is not type(None)), value, where)
    if origin is typing.Literal:
        if value not in options:
            raise BadInput(f"{where}: {value!r} is not one of {', '.join(map(str, options))}.")
        return value
    if origin is dict:
        if not isinstance(value, dict):
            raise BadInput(f"{where}: a group of `name: value` is expected, not {value!r}.")
        return {str(name): _value(options[1], entry, f"{where}.{name}") for name, entry in value.items()}
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise BadInput(f"{where}: a list is expected, not {value!r}.")
        return tuple(_value(options[0], entry, where) for entry in value)
    return _plain(hint, value, where)


def _plain(hint: Any, value: Any, where: str) -> Any:
    if hint is float and isinstance(value, str):
        # YAML 1.1 reads 3e-4 (without a point) as text.
        try:
            return float(value)
        except ValueError:
            pass
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    names = {float: "a number", int: "a whole number", bool: "true or false", str: "a text"}
    raise BadInput(f"{where}: {value!r} is not {names.get(hint, hint)}.")


def to_mapping(settings: Any) -> dict[str, Any]:
    """Nested mappings of a dataclass, fit for JSON or YAML."""
    return dataclasses.asdict(settings)
