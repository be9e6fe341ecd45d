"""Kinds: finding the adapters of a module, and what the child says of each in its greeting."""

from __future__ import annotations

import functools
import inspect
import os
import sys
from types import ModuleType
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Type, Union

from tribunal_adapter.bases import Adapter, Generator, Suite, attribute
from tribunal_adapter.docstrings import summary_of
from tribunal_adapter.generators import GeneratorInstance
from tribunal_adapter.instances import Instance
from tribunal_adapter.settings import Settings, kebab
from tribunal_adapter.sources import SourceInstance
from tribunal_adapter.suites import SuiteInstance

Target = Union[ModuleType, type, Callable[..., Any]]

_BASES = {Adapter: "source", Generator: "generator", Suite: "suite"}
_METHODS = {
    "score": "source",
    "score_batch": "source",
    "generate": "generator",
    "generate_batch": "generator",
    "items": "suite",
}
_FUNCTIONS = {"score": "source", "generate": "generator", "items": "suite"}
_INSTANCES: Dict[str, Type[Instance]] = {
    "source": SourceInstance,
    "generator": GeneratorInstance,
    "suite": SuiteInstance,
}


class Kind:
    """One thing that recipes can name: how it is called, its settings, and how it is made."""

    def __init__(self, target: Any, component: str, module: Optional[ModuleType], name: str) -> None:
        self.target = target
        self.component = component
        self.module = module
        self.name = name
        is_class = isinstance(target, type)
        self.version = str(attribute(target, module, "VERSION", "0"))
        own = getattr(target, "__doc__", None)
        self.summary = summary_of(own if own else module.__doc__ if module else None)
        self.settings = Settings.of_class(target) if is_class else Settings.of_function(target)
        self.self_check = bool(attribute(target, module, "self_check", True))

    def card(self) -> Dict[str, Any]:
        """What the greeting says of it."""
        card: Dict[str, Any] = {
            "component": self.component,
            "kind": self.name,
            "summary": self.summary,
            "version": self.version,
            "schema": self.settings.schema(),
        }
        example = getattr(self.target, "EXAMPLE", None)
        if example is None and not card["schema"].get("required"):
            example = f'[{self.component}.{self.name.split(".")[-1]}]\nkind = "{self.name}"\n'
        if example:
            card["example"] = example
        if not self.self_check:
            card["self-check"] = False
        return card

    def make(self, settings: Mapping[str, Any]) -> Instance:
        """An adapter with these settings; its constructor may refuse them."""
        arguments = self.settings.arguments(settings)
        adapter = self.target(**arguments) if isinstance(self.target, type) else self._bound(arguments)
        return _INSTANCES[self.component](adapter, self.module, self.name, self.version)

    def _bound(self, arguments: Dict[str, Any]) -> Any:
        verb = {"source": "score", "generator": "generate", "suite": "items"}[self.component]
        return _Bound(**{verb: functools.partial(self.target, **arguments) if arguments else self.target})


class _Bound:
    # A function with its settings, in the place of an adapter object.
    def __init__(self, **methods: Callable[..., Any]) -> None:
        self.__dict__.update(methods)


def kinds_of(targets: Iterable[Target]) -> List[Kind]:
    """The kinds of modules, classes and functions. Two of one name are refused."""
    kinds: List[Kind] = []
    for target in targets:
        kinds.extend(_of_module(target) if isinstance(target, ModuleType) else [_of_object(target)])
    names = [(kind.component, kind.name) for kind in kinds]
    for name in names:
        if names.count(name) > 1:
            raise TypeError(f"two {name[0]}s are called `{name[1]}`; give one of them a `KIND`")
    if not kinds:
        raise TypeError("there is no adapter: define a function `score`, `generate` or `items`, or a class with such a method")
    return kinds


def stem(module: Optional[ModuleType]) -> str:
    """The name of a module as people know it."""
    file = getattr(module, "__file__", None)
    if file and os.path.basename(file) != "__init__.py":
        return kebab(os.path.splitext(os.path.basename(file))[0])
    return kebab(getattr(module, "__name__", "adapter").split(".")[-1])


def _of_module(module: ModuleType) -> List[Kind]:
    names = getattr(module, "__all__", None)
    listed = names is not None
    found = []
    for name in names if names is not None else list(vars(module)):
        value = getattr(module, name)
        if name.startswith("_") or not (listed or getattr(value, "__module__", None) == module.__name__):
            continue
        if inspect.isfunction(value):
            component = _FUNCTIONS.get(name)
        else:
            component = component_of(value) if isinstance(value, type) else None
        if component:
            found.append((value, component))
    # The module's own `KIND` names its only adapter.
    constant = getattr(module, "KIND", None) if len(found) == 1 else None
    kinds = []
    for value, component in found:
        home = sys.modules.get(value.__module__, module)
        kinds.append(Kind(value, component, home, _name(value, home, constant)))
    return kinds


def _of_object(target: Any) -> Kind:
    module = sys.modules.get(getattr(target, "__module__", ""))
    if isinstance(target, type):
        component = component_of(target)
    else:
        component = _FUNCTIONS.get(getattr(target, "__name__", ""), "source")
    if component is None:
        raise TypeError(f"`{target.__qualname__}` has no method `score`, `generate` or `items`")
    return Kind(target, component, module, _name(target, module, getattr(module, "KIND", None)))


def component_of(adapter: type) -> Optional[str]:
    """What a class is, by its parent or its methods; `None` when it is no adapter."""
    if adapter in _BASES or issubclass(adapter, dict) or inspect.isabstract(adapter):
        return None
    for base, component in _BASES.items():
        if issubclass(adapter, base):
            return component
    return next((component for method, component in _METHODS.items() if callable(getattr(adapter, method, None))), None)


def _name(target: Any, module: Optional[ModuleType], constant: Optional[str]) -> str:
    if isinstance(target, type):
        return str(target.__dict__.get("KIND") or constant or kebab(target.__name__))
    return str(constant or (stem(module) if target.__name__ in _FUNCTIONS else kebab(target.__name__)))
