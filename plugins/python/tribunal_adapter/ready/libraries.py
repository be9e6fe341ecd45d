"""Heavy libraries: whether they are there, which versions, and what to say when they are not."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from typing import Tuple

from tribunal_adapter.errors import SettingsError

PACKAGES = {"torch": "torch", "transformers": "transformers", "bitsandbytes": "bitsandbytes", "jinja2": "jinja2", "accelerate": "accelerate"}


def require(*modules: str) -> None:
    """Raises a `SettingsError` that names the pip command when one of these modules is not installed. Imports nothing."""
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        names = ", ".join(f"`{module}`" for module in missing)
        packages = " ".join(PACKAGES.get(module, module) for module in missing)
        raise SettingsError(
            "kind",
            f"{names} {'is' if len(missing) == 1 else 'are'} not installed for `{sys.executable}`",
            f"run `{sys.executable} -m pip install {packages}`",
        )


def versions(*packages: str) -> str:
    """`torch 2.9.0, transformers 4.57.1`: part of every fingerprint here, since libraries decide the numbers."""
    return ", ".join(f"{package} {importlib.metadata.version(package)}" for package in packages)


def version_of(package: str) -> Tuple[int, int]:
    """Major and minor version of an installed package."""
    numbers = importlib.metadata.version(package).split(".")
    return int(numbers[0]), int(numbers[1])
