"""`@NAME@`: a suite of pairs in a file of JSON lines; put your own data in their place."""

import json
import pathlib

from tribunal_adapter import Item, Suite


class Pairs(Suite):
    """Pairs of a better and a worse reply.

    Args:
        path: The file: lines of JSON with `id`, `topic`, `prompt`, `chosen` and `rejected`.
    """

    KIND = "@NAME@"
    VERSION = "1"
    EXAMPLE = '[suite.@NAME@]\nkind = "@NAME@"\npath = "data/pairs.jsonl"\n'
    card = {"name": "@NAME@", "version": "1", "licence": "not stated", "source": "own data"}

    def __init__(self, path: pathlib.Path):
        self.path = path

    def items(self):
        with open(self.path, encoding="utf-8") as file:
            for record in map(json.loads, file):
                # The first candidate is the best; `gold=[...]` says it for more than one right reply, or for grades.
                yield Item(
                    id=record["id"],
                    subset=record["topic"],
                    prompt=record["prompt"],
                    candidates=[record["chosen"], record["rejected"]],
                )
