"""Settings: the schema drawn from a signature, values as arguments, and faults with their place."""

from __future__ import annotations

import enum
import os
import pathlib
import sys
import unittest
from typing import Annotated, Any, Dict, List, Literal, Optional, Union

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from driver import Child, Folder  # noqa: E402
from tribunal_adapter import Setting, SettingsError  # noqa: E402
from tribunal_adapter.docstrings import argument_texts, summary_of  # noqa: E402
from tribunal_adapter.settings import Settings, kebab  # noqa: E402


class Level(enum.Enum):
    LOW = "low"
    HIGH = "high"


def score(
    conversation: Any,
    candidates: Any,
    *,
    model: str,
    weights: List[float],
    file: Optional[pathlib.Path] = None,
    side: Literal["left", "right"] = "left",
    output: Union[int, str] = 0,
    per_character: Annotated[float, Setting("Score units.", minimum=-1)] = -1,
    threads: Annotated[int, Setting(operational=True)] = 2,
    level: Level = Level.LOW,
    names: Annotated[Dict[str, Any], "Names by anything."] = {},
    verbose: bool = False,
    guess=3,
) -> List[float]:
    """Scores.

    Args:
        model: A folder
            or an id.
        side (str): Where to cut.

    Returns:
        nothing: of interest
    """
    return []


class Signatures(unittest.TestCase):
    settings = Settings.of_function(score)

    def test_a_signature_becomes_a_schema(self) -> None:
        schema = self.settings.schema()
        self.assertEqual(schema["required"], ["model", "weights"])
        self.assertIs(schema["additionalProperties"], False)
        self.assertEqual(
            schema["properties"],
            {
                "model": {"type": "string", "description": "A folder or an id."},
                "weights": {"type": "array", "items": {"type": "number"}},
                "file": {"type": "string", "x-tribunal-path": True},
                "side": {"enum": ["left", "right"], "description": "Where to cut.", "default": "left"},
                "output": {"anyOf": [{"type": "integer"}, {"type": "string"}], "default": 0},
                "per-character": {"type": "number", "description": "Score units.", "minimum": -1, "default": -1.0},
                "threads": {"type": "integer", "x-tribunal-operational": True, "default": 2},
                "level": {"enum": ["low", "high"], "default": "low"},
                "names": {"type": "object", "description": "Names by anything.", "default": {}},
                "verbose": {"type": "boolean", "default": False},
                "guess": {"type": "integer", "default": 3},
            },
        )

    def test_values_become_arguments(self) -> None:
        found = self.settings.arguments(
            {"model": "m", "weights": [1, 2.5], "file": "/a/b", "output": "x", "per-character": 1, "level": "high"}
        )
        self.assertEqual(
            found,
            {
                "model": "m", "weights": [1.0, 2.5], "file": pathlib.Path("/a/b"), "output": "x", "per_character": 1.0,
                "level": Level.HIGH,
            },
        )
        self.assertIsInstance(found["per_character"], float)

    def test_faults_have_a_place(self) -> None:
        good = {"model": "m", "weights": []}
        for more, path in (
            ({"weights": [1, "x"]}, ["weights", 1]),
            ({"side": "top"}, ["side"]),
            ({"verbose": 1}, ["verbose"]),
            ({"threads": True}, ["threads"]),
            ({"threads": 1.5}, ["threads"]),
            ({"per-character": -2}, ["per-character"]),
            ({"output": 1.5}, ["output"]),
            ({"wieghts": []}, ["wieghts"]),
        ):
            with self.assertRaises(SettingsError) as caught:
                self.settings.arguments({**good, **more})
            self.assertEqual(caught.exception.path, path, more)
        with self.assertRaises(SettingsError) as caught:
            self.settings.arguments({"model": "m"})
        self.assertIn("`weights` is missing", caught.exception.message)

    def test_names_become_kebab_case(self) -> None:
        for name, expected in (
            ("reward_per_character", "reward-per-character"), ("HFDpo", "hf-dpo"), ("Brevity", "brevity"), ("class_", "class"),
            ("my adapter", "my-adapter"), ("Top2Score", "top2-score"), ("v1.2_b", "v1.2-b"),
        ):
            self.assertEqual(kebab(name), expected)

    def test_docstrings_of_both_styles_are_read(self) -> None:
        self.assertEqual(argument_texts("A.\n\n:param int x: The x,\n    more.\n:param y: The y.\n:returns: z"), {"x": "The x, more.", "y": "The y."})
        self.assertEqual(summary_of("One\n    and a half.\n\n    More."), "One and a half.")


class Recipes(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Folder()
        self.addCleanup(self.folder.close)

    def child(self, text: str) -> Child:
        child = Child(self.folder.write("things.py", text))
        self.addCleanup(child.end)
        return child

    def test_a_constructor_refuses_settings_at_check_and_create(self) -> None:
        child = self.child(
            """
            from tribunal_adapter import Adapter, SettingsError

            class Picky(Adapter):
                def __init__(self, layers: list[int], top: int = 1):
                    if top > len(layers):
                        raise SettingsError(["layers", 0], f"`{top}` is too many", "leave `top` out", known=["1"], at_key=True)
                    self.arity = (top, top)
                def score(self, conversation, candidates):
                    return [0.0] * len(candidates)
            """
        )
        self.assertEqual(child.ask("check", component="source", kind="picky", settings={"layers": [1, 2], "top": 2})["declares"]["arity"], [2, 2])
        for op in ("check", "create"):
            error = child.ask(op, component="source", kind="picky", settings={"layers": [], "top": 2})["error"]
            expected = {
                "code": "settings", "message": "`2` is too many", "path": ["layers", 0], "at-key": True, "known": ["1"],
                "hint": "leave `top` out",
            }
            self.assertEqual(error, expected)
        error = child.ask("check", component="source", kind="picky", settings={"layer": []})["error"]
        self.assertEqual((error["path"], error["at-key"], error["known"]), (["layer"], True, ["layers", "top"]))
        error = child.ask("check", component="source", kind="pikcy", settings={})["error"]
        self.assertEqual(error["known"], ["picky"])

    def test_kinds_are_all_public_adapters_of_the_module(self) -> None:
        child = self.child(
            '''
            """Several things."""
            import collections
            from tribunal_adapter import Adapter, Generator, Suite, Turn

            VERSION = "2.1"
            IN_FLIGHT = 3

            class Base(Adapter):
                def score_batch(self, questions):
                    return [[1.0] for _ in questions]

            class TwoAtOnce(Base):
                """Takes two."""
                KIND = "two.at-once"
                VERSION = "7"
                arity = (2, 2)
                self_check = False
                scale = "unit"

            class _Hidden(Base):
                pass

            class Plain:
                pass

            class Talker(Generator):
                def generate(self, prompt):
                    return "hm"

            def items():
                """Two cases."""
                return iter(())

            def score(conversation, candidates, *, count: int):
                return [1.0]
            '''
        )
        kinds = {kind["kind"]: kind for kind in child.greeting["kinds"]}
        self.assertEqual(sorted((kind["component"], kind["kind"]) for kind in child.greeting["kinds"]), [
            ("generator", "talker"), ("source", "base"), ("source", "things"), ("source", "two.at-once"), ("suite", "things"),
        ])
        two = kinds["two.at-once"]
        self.assertEqual((two["version"], two["summary"], two["self-check"]), ("7", "Takes two.", False))
        self.assertEqual(child.greeting["version"], "2.1")
        self.assertEqual(kinds["base"]["version"], "2.1")
        declares = child.ask("check", component="source", kind="two.at-once", settings={})["declares"]
        self.assertEqual(declares, {"arity": [2, 2], "batch": 32, "in-flight": 3, "scale": "unit"})

    def test_a_module_constant_names_its_only_adapter(self) -> None:
        child = self.child("KIND = 'group.name'\nARITY = (2, 2)\n\ndef score(c, r):\n    return [1.0, 0.0]\n")
        self.assertEqual(child.greeting["kinds"][0]["kind"], "group.name")
        self.assertEqual(child.score(child.create("group.name"), [["a", "b"]])["scores"], [[1.0, 0.0]])

    def test_the_ready_adapters_greet_without_heavy_libraries_and_name_what_is_missing(self) -> None:
        text = (
            "import sys\n"
            "for name in ('torch', 'transformers'):\n    sys.modules[name] = None\n"
            "import importlib.util\nreal = importlib.util.find_spec\n"
            "importlib.util.find_spec = lambda name, *a: None if name in ('torch', 'transformers') else real(name, *a)\n"
            "import tribunal_adapter.ready\nimport tribunal_adapter\n"
            "if __name__ == '__main__':\n    tribunal_adapter.serve(tribunal_adapter.ready)\n"
        )
        child = Child(command=[sys.executable, self.folder.write("bare.py", text)])
        self.addCleanup(child.end)
        kinds = sorted(kind["kind"] for kind in child.greeting["kinds"])
        self.assertEqual(kinds, ["from-rewardbench", "hf-dpo", "hf-pair-preference", "hf-sequence-classifier"])
        for kind in child.greeting["kinds"]:
            for key, schema in kind["schema"]["properties"].items():
                self.assertTrue(schema.get("description") or schema.get("minimum") is not None, (kind["kind"], key))
        error = child.ask("check", component="source", kind="hf-sequence-classifier", settings={"model": "a/b", "max-length": 9})["error"]
        self.assertEqual(error["code"], "settings")
        self.assertIn("pip install torch transformers", error["hint"])


if __name__ == "__main__":
    unittest.main()
