"""Suites at work: items by the page, and the rules of suites that grade themselves."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Dict, Iterator, List, Optional

from tribunal_adapter.bases import own_method
from tribunal_adapter.errors import Broken
from tribunal_adapter.instances import Instance, Operation
from tribunal_adapter.tickets import Ticket
from tribunal_adapter.values import Item

_OWN = ("grade", "chance", "aggregates")


class SuiteInstance(Instance):
    """A suite made from a recipe."""

    def __init__(self, adapter: Any, module: Optional[ModuleType], kind: str, version: str) -> None:
        super().__init__(adapter, module, kind, version)
        self._items: Optional[Iterator[Any]] = None
        self._ahead: List[Any] = []
        self._position = 0

    @property
    def in_flight(self) -> int:
        return 1  # pages come from one iterator

    def declares(self) -> Dict[str, Any]:
        declares: Dict[str, Any] = {}
        card = self.trait("card", None)
        if callable(card):
            card = card()
        if card:
            declares["card"] = dict(card)
        contest = self.trait("contest", "best-against-each")
        if isinstance(contest, str) and contest != "best-against-each":
            declares["contest"] = contest
        if self.trait("grading", "standard") != "standard":
            declares["grading"] = self.trait("grading", "standard")
        return declares

    def operations(self) -> Dict[str, Operation]:
        return {**super().operations(), "items": self.items, "contest": self.contest, **{op: self.own for op in _OWN}}

    def items(self, ticket: Ticket) -> Dict[str, Any]:
        """One page, from any position; in order costs nothing extra."""
        self.load()
        start, most = int(ticket.request["from"]), int(ticket.request["max"])
        if self._items is None or start < self._position:
            self._items, self._ahead, self._position = iter(self.adapter.items()), [], 0
        while self._position < start and self._peek():
            self._take()
        page: List[Dict[str, Any]] = []
        while len(page) < most and self._peek():
            page.append(item_object(self._take(), start + len(page)))
        absent = self.trait("absent", None)
        if callable(absent):
            absent = absent()
        return {"items": page, "absent": [_absent_object(part) for part in absent or ()], "end": not self._peek()}

    def contest(self, ticket: Ticket) -> Dict[str, Any]:
        """How lists of a subset are put to a source that takes two candidates."""
        method = own_method(self.adapter, "contest_of")
        contest = method(ticket.request["subset"]) if method else self.trait("contest", "best-against-each")
        return {"contest": contest}

    def own(self, ticket: Ticket) -> Dict[str, Any]:
        """The rules of a suite that grades itself; arguments and results are those of the protocol."""
        op = str(ticket.request["op"])
        method = own_method(self.adapter, op)
        if not method:
            raise Broken(f"the suite has no method `{op}`")
        arguments = {key: value for key, value in ticket.request.items() if key not in ("op", "id", "handle")}
        result = method(**arguments)
        return result if isinstance(result, dict) else {"aggregates" if op == "aggregates" else "grades": result}

    def _peek(self) -> bool:
        if not self._ahead and self._items is not None:
            # An item that is `None` is a mistake, and must not look like the end.
            item = next(self._items, END)
            self._ahead = [] if item is END else [item]
        return bool(self._ahead)

    def _take(self) -> Any:
        self._position += 1
        return self._ahead.pop()


END = object()


def item_object(item: Any, position: int) -> Dict[str, Any]:
    """An item as the protocol has it. A dict passes as it is."""
    if isinstance(item, dict):
        return item
    if not isinstance(item, Item):
        raise Broken(f"item {position} is `{type(item).__name__}` in place of an `Item`")
    wire: Dict[str, Any] = {"id": item.id, "prompt": _prompt(item.prompt), "candidates": list(item.candidates)}
    for name in ("subset", "topic", "cluster"):
        value = getattr(item, name)
        if value is not None:
            wire[name] = value
    if item.gold is not None:
        wire["gold"] = [float(gold) for gold in item.gold]
    if item.tags:
        wire["tags"] = dict(item.tags)
    return wire


def _prompt(prompt: Any) -> Any:
    return prompt if isinstance(prompt, str) else [dict(turn) for turn in prompt]


def _absent_object(part: Any) -> Any:
    return {"what": part} if isinstance(part, str) else part
