"""Generators and suites written in Python, through a real child."""

from __future__ import annotations

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from driver import Child, Folder  # noqa: E402

CODE = '''
    import tribunal_adapter as t

    class Parrot(t.Generator):
        """Repeats the last turn."""
        samples_at_once = 4

        def __init__(self, shout: bool = False):
            self.shout = shout

        def generate(self, prompt):
            text = prompt.turns[-1].content
            if text == "busy":
                raise t.Busy(3)
            if prompt.seed is None:
                return text
            assert prompt.sampling.max_tokens == 5 and prompt.sampling.top_p == 0.5 and prompt.sampling.temperature == 0
            tokens = [t.Token(text, -0.5, [("a", -1.0)])] if prompt.labels else []
            usage = t.Usage(input_tokens=2, output_tokens=1)
            return t.Completion(f"{text} {prompt.seed}", reasoning="hm", finish="length", tokens=tokens, usage=usage, served="p")

        def inspect(self, prompt):
            return {"rendered": prompt.turns[0].content}

    class Bulk(t.Generator):
        """All at once."""
        def generate_batch(self, prompts):
            return [f"{at}" for at, _ in enumerate(prompts)]

    class Sums(t.Suite):
        """Additions."""
        contest = "every-chosen-rejected"

        def __init__(self, count: int = 5):
            self.count = count
            self.card = {"name": "sums", "version": "1", "licence": "CC0-1.0", "source": "made up", "neutral_order": True}
            self.absent = ["the hard part"]

        def items(self):
            for at in range(self.count):
                prompt = f"{at} + 1?" if at % 2 else [t.Turn(role="user", content=f"{at} + 1?")]
                yield t.Item(str(at), prompt, [str(at + 1), {"text": str(at), "author": "me"}], subset="easy", tags={"n": at})
'''


class Components(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Folder()
        cls.child = Child(cls.folder.write("things.py", CODE))

    @classmethod
    def tearDownClass(cls) -> None:
        cls.child.end()
        cls.folder.close()

    def test_a_generator_answers_one_text_for_each_seed(self) -> None:
        handle = self.child.create("parrot", component="generator")
        sampling = {"temperature": 0.0, "top-p": 0.5, "max-tokens": 5, "stop": []}
        turns = [{"role": "user", "content": "hello"}]
        prompts = [
            {"turns": turns, "sampling": sampling, "seeds": [1, 2], "labels": ["A"], "grammar": None},
            {"turns": [{"role": "user", "content": "busy"}], "sampling": sampling, "seeds": [1]},
            {"turns": turns},
        ]
        first, busy, bare = self.child.ask("generate", handle=handle, prompts=prompts)["completions"]
        self.assertEqual([text["text"] for text in first["texts"]], ["hello 1", "hello 2"])
        self.assertEqual(first["texts"][0]["tokens"], [{"text": "hello", "logprob": -0.5, "others": [["a", -1.0]]}])
        self.assertEqual((first["texts"][0]["finish"], first["texts"][0]["reasoning"]), ("length", "hm"))
        self.assertEqual((first["usage"], first["served"]), ({"input-tokens": 4, "output-tokens": 2}, "p"))
        self.assertEqual(busy, {"error": {"code": "busy", "message": "the backend is busy", "wait": 3.0}})
        self.assertEqual(bare, {"texts": [{"text": "hello"}]})
        seen = self.child.ask("inspect", handle=handle, prompt=prompts[0])["inspection"]
        self.assertEqual(seen, {"rendered": "hello"})
        declares = self.child.ask("check", component="generator", kind="parrot", settings={})["declares"]
        self.assertEqual(declares, {"batch": 1, "in-flight": 1, "samples-at-once": 4})

    def test_a_generator_may_take_a_whole_batch(self) -> None:
        handle = self.child.create("bulk", component="generator")
        turns = [{"role": "user", "content": "x"}]
        found = self.child.ask("generate", handle=handle, prompts=[{"turns": turns, "seeds": [1, 2]}, {"turns": turns, "seeds": [3]}])
        texts = [[text["text"] for text in one["texts"]] for one in found["completions"]]
        self.assertEqual(texts, [["0", "1"], ["2"]])

    def test_a_suite_gives_its_items_by_the_page(self) -> None:
        declares = self.child.ask("check", component="suite", kind="sums", settings={})["declares"]
        self.assertEqual(declares["card"]["name"], "sums")
        self.assertEqual(declares["contest"], "every-chosen-rejected")
        handle = self.child.create("sums", component="suite")
        first = self.child.ask("items", **{"handle": handle, "from": 0, "max": 2})
        self.assertEqual(
            first["items"][0],
            {
                "id": "0", "prompt": [{"role": "user", "content": "0 + 1?"}],
                "candidates": ["1", {"text": "0", "author": "me"}], "subset": "easy", "tags": {"n": 0},
            },
        )
        self.assertEqual((first["items"][1]["prompt"], first["end"]), ("1 + 1?", False))
        self.assertEqual(first["absent"], [{"what": "the hard part"}])
        for start, expected, end in ((2, ["2", "3"], False), (4, ["4"], True), (1, ["1", "2"], False), (3, ["3", "4"], True), (9, [], True)):
            page = self.child.ask("items", **{"handle": handle, "from": start, "max": 2})
            self.assertEqual(([item["id"] for item in page["items"]], page["end"]), (expected, end))
        empty = self.child.create("sums", {"count": 0}, component="suite")
        page = self.child.ask("items", **{"handle": empty, "from": 0, "max": 2})
        self.assertEqual((page["items"], page["end"]), ([], True))


if __name__ == "__main__":
    unittest.main()
