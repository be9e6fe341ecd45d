"""From a module to a running child: `serve()` for a file that starts itself, and the command line."""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Iterable, List, Optional, Union

from tribunal_adapter.bases import attribute
from tribunal_adapter.child import Child, leave
from tribunal_adapter.instances import log
from tribunal_adapter.kinds import Kind, Target, kinds_of, stem
from tribunal_adapter.loading import load_module
from tribunal_adapter.stdio import take_stdio

USAGE = """usage: python3 -m tribunal_adapter FILE.py|MODULE [FILE.py|MODULE ...]

Serves the reward sources, generators and suites of these modules to Tribunal, over standard input and output.
"""


def serve(*targets: Union[Target, Iterable[Target]]) -> None:
    """Serves adapters until the host ends the child; does not return.

    Targets are classes, functions, modules or lists of them; without any, the module that was started. To be called under
    `if __name__ == "__main__":`.
    """
    requests, replies = take_stdio()
    chosen: List[Target] = []
    for target in targets:
        if isinstance(target, (list, tuple, set)):
            chosen.extend(target)
        else:
            chosen.append(target)  # type: ignore[arg-type]
    try:
        kinds = kinds_of(chosen or [sys.modules["__main__"]])
    except TypeError as error:
        log(f"tribunal_adapter: {error}")
        leave(1)
        return
    leave(_child(kinds, requests, replies).run())


def main(arguments: List[str]) -> int:
    """The command line: takes the pipes before any code of the adapter runs."""
    if not arguments or arguments[0].startswith("-"):
        print(USAGE, file=sys.stderr, end="")
        return 0 if arguments and arguments[0] in ("-h", "--help") else 2
    by_hand = sys.stdin is not None and sys.stdin.isatty()
    requests, replies = take_stdio()
    try:
        kinds = kinds_of([load_module(target) for target in arguments])
    except (ImportError, OSError, TypeError, SyntaxError) as error:
        log(_short(error))
        return 1
    if by_hand:
        log("This is a child of Tribunal: a recipe starts it. It offers:")
        log(json.dumps([kind.card() for kind in kinds], indent=2))
        return 0
    leave(_child(kinds, requests, replies).run())
    return 0


def _child(kinds: List[Kind], requests: object, replies: int) -> Child:
    module = kinds[0].module
    version = str(attribute(None, module, "VERSION", "0"))
    return Child(kinds, stem(module), version, requests, replies)  # type: ignore[arg-type]


def _short(error: BaseException, own: Optional[str] = None) -> str:
    # The frames of this package and of the import system say nothing to an author.
    own = own or os.path.dirname(__file__)
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((own + os.sep, "<frozen"))
        and not frame.filename.endswith(os.path.join("importlib", "__init__.py"))
    ]
    lines = traceback.format_list(frames) + traceback.format_exception_only(type(error), error)
    return "tribunal_adapter: the adapter cannot be loaded\n" + "".join(lines).rstrip()
