"""What adapters return and raise, and what becomes of it on the wire."""

from __future__ import annotations

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from driver import Child, Folder  # noqa: E402

ADAPTERS = '''
    import array
    import tribunal_adapter as t
    from typing import Literal

    class Unprintable(Exception):
        def __str__(self):
            raise ValueError

    class array_like:
        def __init__(self, values):
            self.values = values
        def tolist(self):
            return self.values

    class Echo:
        """Evaluates what the candidate says; for tests."""
        arity = (1, 65535)

        def score(self, conversation, candidates):
            return eval(candidates[0])

    class Batches(t.Adapter):
        """Answers a whole batch."""
        batch = 64

        def __init__(self, entries: str):
            self.entries = entries
            self.loads = 0

        def load(self):
            self.loads += 1

        def score_batch(self, questions):
            return eval(self.entries)

    class Lengths(t.Adapter):
        """Letters and bytes."""
        arity = (1, 65535)

        def score(self, conversation, candidates):
            said = sum(len(turn["content"]) + len(turn.role) for turn in conversation)
            parts = {"bytes": [len(text.encode()) for text in candidates]}
            return t.Answer([len(text) for text in candidates], parts=parts, transcript=[said, candidates])

    class Draws(t.Adapter):
        """One answer for each seed."""
        draws = True
        reads = "key"

        def score(self, question):
            if question.seed == 13:
                raise t.Abstain("refused")
            return [question.seed * 1.0] * question.count

    class Seen(t.Adapter):
        """Tells what it sees."""

        def score(self, conversation, candidates):
            return [0.0]

        def inspect(self, question):
            return t.Inspection(rendered=question.candidates[0], exact=True, tokens=[1, 2], bos=(1, 1), notes=["a"])

    class Fragile(t.Adapter):
        """Fails at first."""
        tries = 0

        def load(self):
            Fragile.tries += 1
            if Fragile.tries == 1:
                raise t.Unreachable("not yet")

        def score(self, conversation, candidates):
            return [float(Fragile.tries)]
'''


class Answers(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Folder()
        cls.child = Child(cls.folder.write("adapters.py", ADAPTERS))
        cls.echo = cls.child.create("echo")

    @classmethod
    def tearDownClass(cls) -> None:
        cls.child.end()
        cls.folder.close()

    def say(self, *expressions: str, more: int = 0):
        """Entries of one batch; each question has one candidate and `more`."""
        reply = self.child.score(self.echo, [[expression] + [""] * more for expression in expressions])
        self.assertTrue(("answers" in reply) != ("scores" in reply), reply)
        return reply.get("answers", reply.get("scores"))

    def test_numbers_of_any_kind_are_scores(self) -> None:
        self.assertEqual(self.say("[1.5]", "[2]", "3", "(4.0,)", "array.array('d', [5])"), [[1.5], [2.0], [3.0], [4.0], [5.0]])
        self.assertEqual(self.say("[True, -1e300]", more=1), [[1.0, -1e300]])

    def test_a_number_that_is_not_finite_is_an_error_of_its_question_alone(self) -> None:
        for value in ("nan", "inf", "-inf"):
            good, bad = self.say("[1.0, 2.0]", f"[1.0, float('{value}')]", more=1)
            self.assertEqual(good, {"scores": [1.0, 2.0]})
            self.assertEqual(bad["error"]["code"], "broken")
            self.assertEqual(
                bad["error"]["message"], f"the score of candidate 2 of 2 is `{value}`; scores are finite numbers"
            )

    def test_a_part_or_transcript_that_is_not_finite_is_null(self) -> None:
        (answer,) = self.say("t.Answer([1], parts={'p': [float('nan')]}, transcript={'a': [float('inf'), 1]})")
        self.assertEqual(answer, {"scores": [1.0], "parts": {"p": [None]}, "transcript": {"a": [None, 1]}})

    def test_wrong_counts_are_errors_that_name_them(self) -> None:
        good, few, many, none = self.say("[1, 2]", "[1]", "[1, 2, 3]", "[]", more=1)
        self.assertEqual(good, {"scores": [1.0, 2.0]})
        self.assertEqual(few["error"]["message"], "the adapter returned 1 score for 2 candidates")
        self.assertEqual(many["error"]["message"], "the adapter returned 3 scores for 2 candidates")
        self.assertEqual(none["error"]["code"], "broken")
        (part,) = self.say("t.Answer([1], parts={'p': [1, 2]})")
        self.assertEqual(part["error"]["message"], "part `p` holds 2 numbers for 1 candidate")

    def test_a_column_of_an_array_is_scores(self) -> None:
        self.assertEqual(self.say("[[1.5], [2]]", more=1), [[1.5, 2.0]])
        (wrong,) = self.say("[[1.5, 2]]")
        self.assertIn("no number", wrong["error"]["message"])

    def test_an_answer_that_is_no_json_costs_its_question_alone(self) -> None:
        good, bad, arrays = self.say(
            "t.Answer([1], transcript=2)", "t.Answer([1], transcript={1, 2})", "t.Answer([1], transcript=array_like([float('nan'), 3]))"
        )
        self.assertEqual(good, {"scores": [1.0], "transcript": 2})
        self.assertEqual(bad["error"]["message"], "the answer is no JSON: `set` is no JSON")
        self.assertEqual(arrays["transcript"], [None, 3])

    def test_an_exception_that_cannot_be_printed_is_reported(self) -> None:
        (failed,) = self.say("(_ for _ in ()).throw(Unprintable())")
        self.assertEqual(failed["error"]["message"], "Unprintable")

    def test_a_load_is_asked_for_and_happens_once(self) -> None:
        handle = self.child.create("batches", {"entries": "[[float(self.loads)]]"})
        for _ in range(2):
            self.assertNotIn("error", self.child.ask("load", handle=handle))
        self.assertEqual(self.child.score(handle, [["a"]])["scores"], [[1.0]])

    def test_what_is_no_list_of_numbers_is_an_error(self) -> None:
        for expression in ("None", "'7'", "{'a': 1}", "['x']", "object()", "[None]"):
            (answer,) = self.say(expression)
            self.assertEqual(answer["error"]["code"], "broken", expression)

    def test_everything_else_of_an_answer_is_kept(self) -> None:
        usage = "t.Usage(input_tokens=3, usd=0.5)"
        (answer,) = self.say(f"t.Answer([1], usage={usage}, served='m-1', transcript='hm')")
        expected = {"scores": [1.0], "usage": {"input-tokens": 3, "usd": 0.5}, "served": "m-1", "transcript": "hm"}
        self.assertEqual(answer, expected)

    def test_exceptions_say_who_acts(self) -> None:
        raised = "(_ for _ in ()).throw({})"
        found = self.say(
            raised.format("t.Abstain('too-long', '9 tokens')"),
            raised.format("t.Busy(2.5)"),
            raised.format("t.Rejected('no')"),
            raised.format("t.Unreachable('gone')"),
            raised.format("t.Denied('key')"),
            raised.format("KeyError('x')"),
            raised.format("SystemExit(3)"),
            "t.Abstain('missing')",
            "[1.0]",
        )
        self.assertEqual(found[0], {"abstained": {"reason": "too-long", "note": "9 tokens"}})
        self.assertEqual(found[1]["error"], {"code": "busy", "message": "the backend is busy", "wait": 2.5})
        self.assertEqual([entry["error"]["code"] for entry in found[2:7]], ["rejected", "unreachable", "denied", "broken", "broken"])
        self.assertEqual(found[5]["error"]["message"], "KeyError: 'x'")
        self.assertIn("adapters.py", found[5]["error"]["trace"])
        self.assertEqual(found[7:], [{"abstained": {"reason": "missing"}}, {"scores": [1.0]}])

    def test_a_batch_may_mix_answers_and_must_be_complete(self) -> None:
        entries = "[[1.0], t.Answer([2.0]), t.Abstain('refused'), t.Rejected('no'), 3]"
        handle = self.child.create("batches", {"entries": entries})
        found = self.child.score(handle, [["a"]] * 5)["answers"]
        self.assertEqual(found[0], {"scores": [1.0]})
        self.assertEqual(found[1], {"scores": [2.0]})
        self.assertEqual(found[2], {"abstained": {"reason": "refused"}})
        self.assertEqual(found[3]["error"]["code"], "rejected")
        self.assertEqual(found[4], {"scores": [3.0]})
        error = self.child.score(handle, [["a"]] * 4)["error"]
        self.assertEqual(error["message"], "`score_batch` returned 5 answers for 4 questions")
        handle = self.child.create("batches", {"entries": "[[float(self.loads)]]"})
        for _ in range(2):
            self.assertEqual(self.child.score(handle, [["a"]])["scores"], [[1.0]])

    def test_a_load_that_fails_is_tried_again(self) -> None:
        handle = self.child.create("fragile")
        self.assertEqual(self.child.score(handle, [["a"]])["error"], {"code": "unreachable", "message": "not yet"})
        self.assertEqual(self.child.score(handle, [["a"]])["scores"], [[2.0]])

    def test_seeds_and_keys_arrive(self) -> None:
        handle = self.child.create("draws")
        declares = self.child.ask("check", component="source", kind="draws", settings={})["declares"]
        self.assertEqual((declares["draws"], declares["reads"]), (True, "key"))
        key = {"suite": "s", "subset": "u", "id": "1", "candidates": [0, 2]}
        reply = self.child.ask(
            "score",
            handle=handle,
            prompts=[[]],
            questions=[
                {"prompt": 0, "candidates": ["a"], "seeds": [1, 13], "key": {**key, "candidates": [0]}},
                {"prompt": 0, "candidates": None, "seeds": [2], "key": key},
            ],
        )
        self.assertEqual(reply["answers"][0], {"samples": [{"scores": [1.0]}, {"abstained": {"reason": "refused"}}]})
        self.assertEqual(reply["answers"][1], {"samples": [{"scores": [2.0, 2.0]}]})

    def test_an_inspection_arrives_whole_and_is_null_without_method(self) -> None:
        handle = self.child.create("seen")
        turns = [{"role": "user", "content": "?"}]
        seen = self.child.ask("inspect", handle=handle, turns=turns, candidates=["a"])["inspection"]
        self.assertEqual(seen["bos"], [1, 1])
        self.assertEqual(seen["tokens"], [1, 2])
        none = self.child.ask("inspect", handle=self.echo, turns=turns, candidates=["a"])
        self.assertIsNone(none["inspection"])

    def test_raw_bytes_and_lines_give_the_same_answers(self) -> None:
        handle = self.child.create("lengths")
        prompts = [[("user", "Où?\n"), ("assistant", "là"), ("user", "")], [("system", "日本語"), ("user", "🙂\u2028")]]
        asked = [(0, ["ä", "", "b\n\nc"]), (1, ["🙂" * 1000]), (0, ["\x00\"\\"])]
        lines = self.child.ask(
            "score",
            handle=handle,
            prompts=[[{"role": role, "content": text} for role, text in prompt] for prompt in prompts],
            questions=[{"prompt": prompt, "candidates": texts} for prompt, texts in asked],
        )
        raw = [text.encode() for prompt in prompts for _, text in prompt]
        raw += [text.encode() for _, texts in asked for text in texts]
        line = {
            "op": "score",
            "id": 5000,
            "handle": handle,
            "bytes": sum(map(len, raw)),
            "prompts": [[[role, len(text.encode())] for role, text in prompt] for prompt in prompts],
            "questions": [{"prompt": at, "candidates": [len(t.encode()) for t in texts]} for at, texts in asked],
        }
        self.child.write(line, b"".join(raw))
        self.assertEqual(self.child.reply(5000)["answers"], lines["answers"])
        self.assertEqual(lines["answers"][1]["scores"], [1000.0])
        self.assertEqual(lines["answers"][1]["parts"], {"bytes": [4000.0]})

    def test_half_surrogates_do_not_end_the_child(self) -> None:
        handle = self.child.create("lengths")
        line = json.dumps({"op": "score", "id": 6000, "handle": handle, "prompts": [[]], "questions": [{"prompt": 0, "candidates": ["X"]}]})
        self.child.write(line.replace("X", "\\ud800 \\ud83d\\ude42").encode())
        (answer,) = self.child.reply(6000)["answers"]
        self.assertEqual(answer["error"]["code"], "broken")  # `encode` refuses it, and that is the adapter's own doing
        (echoed,) = self.say("t.Answer([1], transcript='\\ud800 ' + chr(0xd83d) + chr(0xde42))")
        self.assertEqual(echoed["transcript"], "\ufffd \U0001f642")


if __name__ == "__main__":
    unittest.main()
