"""Code of the user that a setting names: whether it is there, and the file that it stands in."""

from __future__ import annotations

import os
import sys
from typing import Any

from tribunal_adapter.errors import SettingsError


def check_place(setting: str, target: str) -> None:
    """Raises a `SettingsError` when `file.py:Name` or `module:Name` is of another form, or the file is not there."""
    place, _, name = target.rpartition(":")
    if not place or not name:
        raise SettingsError(setting, f"`{target}` is not of the form `file.py:Name` or `module:Name`")
    if place.endswith(".py") and not os.path.isfile(place):
        raise SettingsError(setting, f"there is no file `{os.path.abspath(place)}`")


def code_file(value: Any) -> str:
    """The file of a class, a function (also a decorated one) or an object."""
    module = sys.modules[value.__module__]
    return str(module.__file__)
