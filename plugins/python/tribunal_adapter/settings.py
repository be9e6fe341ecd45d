"""Settings of an adapter: the schema drawn from a signature, and a recipe's values turned into arguments."""

from __future__ import annotations

import collections.abc
import enum
import inspect
import pathlib
import re
import sys
import typing
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Literal, Mapping, Optional, Tuple, Union

from tribunal_adapter.docstrings import argument_texts
from tribunal_adapter.errors import SettingsError

Path = Tuple[Union[str, int], ...]

if sys.version_info >= (3, 10):
    from types import UnionType

    _UNIONS: Tuple[Any, ...] = (Union, UnionType)
else:
    _UNIONS = (Union,)


@dataclass(frozen=True)
class Setting:
    """More about a setting, in `Annotated[float, Setting("in score units", minimum=0)]`.

    `operational` marks a setting that cannot change an answer, such as a number of threads.
    """

    description: str = ""
    minimum: Optional[float] = None
    maximum: Optional[float] = None
    exclusive_minimum: Optional[float] = None
    operational: bool = False


@dataclass(frozen=True)
class Parameter:
    """One setting: the key in recipes, the name in Python."""

    key: str
    name: str
    annotation: Any
    schema: Dict[str, Any]
    required: bool


class Settings:
    """All settings of one adapter."""

    def __init__(self, parameters: List[Parameter], open_ended: bool) -> None:
        self.parameters = parameters
        self.open_ended = open_ended

    @classmethod
    def of_function(cls, function: Callable[..., Any]) -> Settings:
        """The keyword-only parameters of a function."""
        return cls._of(function, [function.__doc__], lambda kind: kind is inspect.Parameter.KEYWORD_ONLY)

    @classmethod
    def of_class(cls, adapter: type) -> Settings:
        """All parameters of a constructor."""
        if adapter.__init__ is object.__init__:  # type: ignore[misc]
            return cls([], open_ended=False)
        texts = [adapter.__doc__, adapter.__init__.__doc__]  # type: ignore[misc]
        return cls._of(adapter, texts, lambda kind: kind is not inspect.Parameter.VAR_POSITIONAL)

    @classmethod
    def _of(cls, target: Any, texts: List[Optional[str]], wanted: Callable[[Any], bool]) -> Settings:
        described: Dict[str, str] = {}
        for text in texts:
            described.update(argument_texts(text or ""))
        annotated = getattr(target, "__init__") if isinstance(target, type) else target
        try:
            hints = typing.get_type_hints(annotated, include_extras=True)
        except NameError as error:
            raise TypeError(f"the annotations of `{target.__qualname__}` cannot be read: {error}") from error
        parameters = []
        open_ended = False
        for name, parameter in inspect.signature(target).parameters.items():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                open_ended = True
            elif wanted(parameter.kind):
                parameters.append(_parameter(name, parameter, hints.get(name, Any), described.get(name, "")))
        return cls(parameters, open_ended)

    def schema(self) -> Dict[str, Any]:
        """The JSON Schema that the host checks recipes against."""
        schema: Dict[str, Any] = {
            "type": "object",
            "properties": {parameter.key: parameter.schema for parameter in self.parameters},
        }
        required = [parameter.key for parameter in self.parameters if parameter.required]
        if required:
            schema["required"] = required
        schema["additionalProperties"] = self.open_ended
        return schema

    def arguments(self, settings: Mapping[str, Any]) -> Dict[str, Any]:
        """Keyword arguments for these settings. The host has checked them; this checks again, since a child may be driven by hand."""
        known = {parameter.key: parameter for parameter in self.parameters}
        arguments: Dict[str, Any] = {}
        for key, value in settings.items():
            if key in known:
                parameter = known[key]
                arguments[parameter.name] = value_of(parameter.annotation, value, (key,))
            elif self.open_ended:
                arguments[key.replace("-", "_")] = value
            else:
                raise SettingsError([key], f"there is no setting `{key}`", known=list(known), at_key=True)
        for parameter in self.parameters:
            if parameter.required and parameter.name not in arguments:
                raise SettingsError([], f"the setting `{parameter.key}` is missing", f"set `{parameter.key}`")
        return arguments


def kebab(name: str) -> str:
    """`reward_per_character` as `reward-per-character`, `HFDpo` as `hf-dpo`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name)
    return re.sub(r"[^a-z0-9.]+", "-", words.lower()).strip("-")


def _parameter(name: str, parameter: inspect.Parameter, annotation: Any, described: str) -> Parameter:
    required = parameter.default is inspect.Parameter.empty
    if annotation is Any and isinstance(parameter.default, (bool, int, float, str)):
        annotation = type(parameter.default)
    schema = schema_of(annotation)
    if described and "description" not in schema:
        schema["description"] = described
    default = None if required else _as_json(parameter.default)
    if default is not None:
        schema["default"] = float(default) if schema.get("type") == "number" else default
    return Parameter(kebab(name), name, annotation, schema, required)


def _as_json(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, pathlib.PurePath):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [_as_json(inner) for inner in value]
    if isinstance(value, (bool, int, float, str, dict)):
        return value
    return None


def schema_of(annotation: Any) -> Dict[str, Any]:
    """The JSON Schema of a type annotation; an unknown type allows any value."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _annotated(inner)
    if origin is Literal:
        return {"enum": list(inner)}
    if origin in _UNIONS:
        options = [schema_of(option) for option in inner if option is not type(None)]
        return options[0] if len(options) == 1 else {"anyOf": options}
    if annotation is bool:
        return {"type": "boolean"}
    if annotation is int:
        return {"type": "integer"}
    if annotation is float:
        return {"type": "number"}
    if annotation is str:
        return {"type": "string"}
    if isinstance(annotation, type) and issubclass(annotation, pathlib.PurePath):
        return {"type": "string", "x-tribunal-path": True}
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return {"enum": [member.value for member in annotation]}
    if annotation is list or origin in (list, tuple, collections.abc.Sequence):
        return {"type": "array", "items": schema_of(inner[0])} if inner else {"type": "array"}
    if annotation is dict or origin in (dict, collections.abc.Mapping):
        return {"type": "object"}
    return {}


def _annotated(inner: Tuple[Any, ...]) -> Dict[str, Any]:
    schema = schema_of(inner[0])
    for more in inner[1:]:
        if isinstance(more, str):
            schema["description"] = more
        elif isinstance(more, Setting):
            pairs = {
                "description": more.description or None,
                "minimum": more.minimum,
                "maximum": more.maximum,
                "exclusiveMinimum": more.exclusive_minimum,
                "x-tribunal-operational": more.operational or None,
            }
            schema.update({key: value for key, value in pairs.items() if value is not None})
    return schema


def value_of(annotation: Any, value: Any, path: Path) -> Any:
    """A recipe's value as the annotated type, or a `SettingsError` at its place."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        _check_range(inner[1:], value, path)
        return value_of(inner[0], value, path)
    if origin is Literal:
        return _one_of(list(inner), value, path)
    if origin in _UNIONS:
        return _one_option(annotation, inner, value, path)
    if annotation is bool and isinstance(value, bool):
        return value
    if annotation is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if annotation is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if annotation is str and isinstance(value, str):
        return value
    if isinstance(annotation, type) and issubclass(annotation, pathlib.PurePath) and isinstance(value, str):
        return annotation(value)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return annotation(_one_of([member.value for member in annotation], value, path))
    if (annotation is list or origin in (list, tuple, collections.abc.Sequence)) and isinstance(value, list):
        items = [value_of(inner[0], item, (*path, at)) for at, item in enumerate(value)] if inner else value
        return tuple(items) if origin is tuple else items
    if (annotation is dict or origin in (dict, collections.abc.Mapping)) and isinstance(value, dict):
        return value
    if not schema_of(annotation):
        return value
    raise SettingsError(path, f"`{value}` is not {_article(schema_of(annotation))}")


def _one_option(annotation: Any, inner: Tuple[Any, ...], value: Any, path: Path) -> Any:
    options = [option for option in inner if option is not type(None)]
    if value is None and len(options) < len(inner):
        return None
    failure: Optional[SettingsError] = None
    for option in options:
        try:
            return value_of(option, value, path)
        except SettingsError as error:
            failure = error
    assert failure is not None, "a union has options"
    if len(options) == 1:
        raise failure
    raise SettingsError(path, f"`{value}` is none of the values that `{path[-1]}` takes")


def _one_of(known: List[Any], value: Any, path: Path) -> Any:
    if value in known:
        return value
    names = [str(name) for name in known]
    raise SettingsError(path, f"`{value}` is none of {', '.join(f'`{name}`' for name in names)}", known=names)


def _check_range(more: Tuple[Any, ...], value: Any, path: Path) -> None:
    if not isinstance(value, (int, float)):
        return
    for setting in more:
        if isinstance(setting, Setting):
            if setting.minimum is not None and value < setting.minimum:
                raise SettingsError(path, f"`{value}` is less than {setting.minimum}")
            if setting.maximum is not None and value > setting.maximum:
                raise SettingsError(path, f"`{value}` is more than {setting.maximum}")
            if setting.exclusive_minimum is not None and value <= setting.exclusive_minimum:
                raise SettingsError(path, f"`{value}` is not more than {setting.exclusive_minimum}")


def _article(schema: Dict[str, Any]) -> str:
    kind = schema.get("type", "value of the right type")
    return f"an {kind}" if kind[0] in "aio" else f"a {kind}"
