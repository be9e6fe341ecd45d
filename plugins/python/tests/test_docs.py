"""The page about Python adapters: its code runs, its recipes name kinds and settings that there are."""

from __future__ import annotations

import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from driver import ROOT, Child, Folder  # noqa: E402

import tribunal_adapter.ready  # noqa: E402
from tribunal_adapter import Turn  # noqa: E402
from tribunal_adapter.kinds import kinds_of  # noqa: E402

PAGE = os.path.join(ROOT, "..", "..", "docs", "adapters-python.md")


@unittest.skipUnless(os.path.exists(PAGE), "the page is not here")
class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        with open(PAGE, encoding="utf-8") as file:
            text = file.read()
        cls.blocks = [
            re.sub(r"^ {4}", "", block, flags=re.MULTILINE).strip()
            for block in re.findall(r"(?:^(?: {4}.*)?\n)+", text, re.MULTILINE)
            if block.strip()
        ]

    def block(self, start: str) -> str:
        return next(block for block in self.blocks if block.startswith(start))

    def test_the_first_example_scores(self) -> None:
        folder = Folder()
        self.addCleanup(folder.close)
        child = Child(folder.write("brevity.py", self.block("SELF_CHECK = False")))
        self.addCleanup(child.end)
        handle = child.create("brevity", {"reward-per-character": -0.5})
        self.assertEqual(child.score(handle, [["abcd"]])["scores"], [[-2.0]])

    def test_the_suite_of_the_page_has_items(self) -> None:
        folder = Folder()
        self.addCleanup(folder.close)
        child = Child(folder.write("additions.py", self.block("from tribunal_adapter import Item")))
        self.addCleanup(child.end)
        handle = child.create("additions", {"count": 3}, component="suite")
        page = child.ask("items", **{"handle": handle, "from": 0, "max": 10})
        self.assertEqual(page["items"][2]["candidates"], ["3", "2"])
        self.assertTrue(page["end"])

    def test_the_class_of_the_page_is_a_source(self) -> None:
        folder = Folder()
        self.addCleanup(folder.close)
        child = Child(folder.write("judge.py", self.block("from tribunal_adapter import Abstain")))
        self.addCleanup(child.end)
        declares = child.ask("check", component="source", kind="judge", settings={"model": "m"})["declares"]
        self.assertEqual(declares["batch"], 64)

    def test_the_pair_template_is_the_one_of_its_model(self) -> None:
        try:
            from jinja2.sandbox import SandboxedEnvironment
        except ImportError:
            self.skipTest("jinja2 is not installed")
        turns = [Turn(role=role, content=text) for role, text in (("user", "Q1"), ("assistant", "A1"), ("user", "Q2"))]
        template = SandboxedEnvironment().from_string(self.block('{{ "[CONTEXT]'))
        # What `rewardbench.models.slicpairpm` writes, but for blanks at the end, which the chat template strips.
        expected = "[CONTEXT] \n\n<turn> user\n Q1\n<turn> assistant\n A1\n<turn> user\n Q2\n [RESPONSE A] x [RESPONSE B] y"
        self.assertEqual(template.render(conversation=turns, a="x", b="y"), expected)

    def test_recipes_of_ready_adapters_fit_their_schemas(self) -> None:
        kinds = {kind.name: kind for kind in kinds_of([tribunal_adapter.ready])}
        recipes = [block for block in self.blocks if block.startswith("[source.")]
        recipes += [kind.card()["example"] for kind in kinds.values()]
        checked = set()
        for recipe in recipes:
            pairs = dict(re.findall(r"^([\w-]+) = (.+)$", recipe, re.MULTILINE))
            kind = kinds.get(pairs.pop("kind").strip('"'))
            if kind is None:
                continue
            checked.add(kind.name)
            schema = kind.settings.schema()
            self.assertLessEqual(set(pairs), set(schema["properties"]), recipe)
            self.assertLessEqual(set(schema["required"]), set(pairs), recipe)
        self.assertEqual(checked, set(kinds))


if __name__ == "__main__":
    unittest.main()
