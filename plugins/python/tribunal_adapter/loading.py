"""Importing an adapter by file or by name, and single objects by `file.py:Name` or `module:Name`."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from types import ModuleType
from typing import Any


def load_module(target: str) -> ModuleType:
    """The module of a file (`brevity.py`) or of a name (`my_package.adapters`).

    The file's folder becomes importable, as if the file had been run.
    """
    if not (target.endswith(".py") or os.sep in target):
        return importlib.import_module(target)
    path = os.path.abspath(target)
    if not os.path.isfile(path):
        raise FileNotFoundError(f"there is no file `{path}`")
    folder, file = os.path.split(path)
    name = os.path.splitext(file)[0].replace("-", "_").replace(".", "_")
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == path:
        return known
    if known is not None or importlib.util.find_spec(name) is not None and folder not in sys.path:
        name = f"adapter_file_{name}"  # a file called like an installed module does not take its place
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"`{path}` cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def load_object(target: str) -> Any:
    """The object that `file.py:Name` or `module:Name` leads to."""
    place, separator, name = target.rpartition(":")
    if not separator or not place or not name:
        raise ValueError(f"`{target}` is not of the form `file.py:Name` or `module:Name`")
    value: Any = load_module(place)
    for part in name.split("."):
        value = getattr(value, part)
    return value
