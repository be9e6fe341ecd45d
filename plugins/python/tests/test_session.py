"""The protocol as a host sees it, against a real child: the page's own session, order, cancelling, and the end."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from driver import ROOT, Child, Folder, questions  # noqa: E402

PAGE = os.path.join(ROOT, "..", "..", "docs", "plugin-protocol.md")

BREVITY = '''
    from tribunal_adapter import Abstain, Adapter, Answer, Identity

    VERSION = "1"

    class Brevity(Adapter):
        """Prefers short replies."""

        def __init__(self, reward_per_character: float = -1.0):
            self.reward = reward_per_character

        def identify(self):
            return Identity("brevity", "1")

        def score(self, conversation, candidates):
            (text,) = candidates
            if not text:
                raise Abstain("unreadable", "an empty reply")
            scores = [self.reward * len(text)]
            return Answer(scores, parts={"characters": [len(text)]}) if conversation[0].content == "?" else scores
'''


def session(page: str, marker: str) -> list:
    """The lines of the block after a marker, as (side, text)."""
    block = page.split(marker, 1)[1]
    lines = re.findall(r"^    ([<>]) (.*)$", block.split("\n## ", 1)[0], re.MULTILINE)
    assert lines, marker
    return lines


class Session(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Folder()
        self.addCleanup(self.folder.close)

    def child(self, text: str, name: str = "adapter.py") -> Child:
        child = Child(self.folder.write(name, text))
        self.addCleanup(child.end)
        return child

    @unittest.skipUnless(os.path.exists(PAGE), "the protocol's page is not here")
    def test_the_session_of_the_page_is_answered_as_printed(self) -> None:
        with open(PAGE, encoding="utf-8") as file:
            lines = session(file.read(), "<!-- session: checked by tests against a real child -->")
        child = Child(self.folder.write("brevity.py", BREVITY), hello=False)
        self.addCleanup(child.end)
        for side, line in lines:
            if side == ">":
                child.write(line.encode())
                continue
            expected, found = json.loads(line), child.read(60)
            for key in ("sdk", "caps"):  # of one implementation
                expected.pop(key, None), found.pop(key, None)
            for kind in found.get("kinds", ()):
                kind.pop("example")
            self.assertEqual(found, expected)
        self.assertIsNone(child.read())
        self.assertEqual(child.process.wait(5), 0)

    @unittest.skipUnless(os.path.exists(PAGE), "the protocol's page is not here")
    def test_the_pages_raw_bytes_are_answered_as_printed(self) -> None:
        with open(PAGE, encoding="utf-8") as file:
            request, blob, reply = session(file.read(), "## Texts as raw bytes")
        child = self.child(BREVITY, "brevity.py")
        handle = child.create("brevity", {"reward-per-character": -0.5})
        self.assertEqual(handle, 1)
        child.write(request[1].encode(), blob[1].encode())
        self.assertEqual(child.read(), json.loads(reply[1]))

    def test_a_function_is_a_source_named_like_its_file(self) -> None:
        child = self.child(
            '''
            def score(conversation, candidates, *, reward_per_character: float = -1.0) -> list[float]:
                """Prefers short replies."""
                return [reward_per_character * len(text) for text in candidates]
            ''',
            "short_replies.py",
        )
        (kind,) = child.greeting["kinds"]
        self.assertEqual((kind["component"], kind["kind"]), ("source", "short-replies"))
        self.assertEqual(kind["summary"], "Prefers short replies.")
        settings = {"reward-per-character": -2}
        declares = child.ask("check", component="source", kind="short-replies", settings=settings)
        self.assertEqual(declares["declares"], {"arity": [1, 1], "batch": 32, "in-flight": 1})
        handle = child.create("short-replies", settings)
        self.assertEqual(child.score(handle, [["abc"], ["äö"]])["scores"], [[-6.0], [-4.0]])
        identity = child.ask("identify", handle=handle)["identity"]
        self.assertRegex(identity["fingerprint"], r"^0\+sha256:[0-9a-f]{32}$")
        self.assertEqual(identity["strength"], "revision")

    def test_a_file_may_serve_itself(self) -> None:
        text = "print('early')\n" + "import tribunal_adapter\n\ndef score(c, r):\n    return [1.0]\n\n"
        path = self.folder.write("own.py", text + "if __name__ == '__main__':\n    tribunal_adapter.serve()\n")
        child = Child(command=[sys.executable, path])
        self.addCleanup(child.end)
        self.assertEqual(child.greeting["kinds"][0]["kind"], "own")
        self.assertEqual(child.score(child.create("own"), [["a"]])["scores"], [[1.0]])

    def test_prints_of_any_kind_do_not_reach_the_protocol(self) -> None:
        child = self.child(
            """
            import ctypes, os, subprocess, sys
            print("while importing")

            def score(conversation, candidates):
                print("print")
                sys.stdout.write("write\\n")
                os.write(1, b"descriptor\\n")
                libc = ctypes.CDLL(None)
                libc.puts(b"from C")
                libc.fflush(None)
                subprocess.run(["echo", "from a program"])
                assert sys.stdin.read() == ""
                return [0.0]
            """
        )
        self.assertEqual(child.score(child.create("adapter"), [["a"]])["scores"], [[0.0]])
        child.end()
        for text in ("while importing", "print", "write", "descriptor", "from C", "from a program"):
            self.assertIn(text, child.error_text())

    def test_several_requests_run_at_once_and_answer_in_any_order(self) -> None:
        child = self.child(
            """
            import time
            IN_FLIGHT = 4

            def score(conversation, candidates):
                time.sleep(float(candidates[0]))
                return [1.0]
            """
        )
        handle = child.create("adapter")
        began = time.monotonic()
        ids = [child.send("score", **questions(handle, [[wait]])) for wait in ("0.6", "0.5", "0.4", "0.05")]
        order = [child.read()["id"] for _ in ids]
        self.assertEqual(order[0], ids[3])
        self.assertEqual(sorted(order), ids)
        self.assertLess(time.monotonic() - began, 1.2)

    def test_a_cancel_is_seen_while_a_score_runs(self) -> None:
        child = self.child(
            """
            import time
            import tribunal_adapter

            class Slow:
                def score(self, conversation, candidates):
                    while candidates[0] == "wait" and not tribunal_adapter.cancelled():
                        time.sleep(0.01)
                    return [1.0]
            """
        )
        handle = child.create("slow")
        running = child.send("score", **questions(handle, [["go"], ["wait"], ["go"]]))
        queued = child.send("score", **questions(handle, [["go"]]))
        time.sleep(0.2)
        child.write({"op": "cancel", "id": queued})
        self.assertEqual(child.reply(queued, 2)["error"]["code"], "cancelled")
        child.write({"op": "cancel", "id": running})
        answers = child.reply(running, 2)["answers"]
        self.assertEqual(answers[:2], [{"scores": [1.0]}, {"scores": [1.0]}])
        self.assertEqual(answers[2]["error"]["code"], "cancelled")
        child.write({"op": "cancel", "id": running})
        child.write({"op": "cancel", "id": 999})
        self.assertEqual(child.score(handle, [["go"]])["scores"], [[1.0]])
        child.end()
        self.assertIsNone(child.read())

    def test_the_end_of_the_input_ends_a_child_that_hangs(self) -> None:
        text = "import time\n\ndef score(c, r):\n    while True:\n        time.sleep(1)\n"
        for ending in ("shutdown", "end of input"):
            child = Child(self.folder.write("hangs.py", text))
            handle = child.create("hangs")
            child.send("score", **questions(handle, [["a"]]))
            time.sleep(0.1)
            began = time.monotonic()
            if ending == "shutdown":
                child.write({"op": "shutdown"})
                child.process.wait(3)
            self.assertEqual(child.end(), 0, ending)
            self.assertLess(time.monotonic() - began, 2)

    def test_sigterm_ends_a_child_that_computes(self) -> None:
        child = self.child("def score(c, r):\n    while True:\n        pass\n")
        handle = child.create("adapter")
        child.send("score", **questions(handle, [["a"]]))
        time.sleep(0.1)
        child.process.send_signal(signal.SIGTERM)
        self.assertEqual(child.process.wait(3), -signal.SIGTERM)

    def test_another_major_version_ends_the_child_after_its_greeting(self) -> None:
        child = Child(self.folder.write("a.py", "def score(c, r): return [1.0]\n"), hello=False)
        child.write({"op": "hello", "protocol": [2, 0], "caps": []})
        self.assertEqual(child.read(60)["protocol"], [1, 0])
        self.assertIsNone(child.read())
        self.assertEqual(child.end(), 3)

    def test_only_offered_capabilities_are_taken(self) -> None:
        child = Child(self.folder.write("a.py", "def score(c, r): return [1.0]\n"), hello=False)
        child.write({"op": "hello", "protocol": [1, 7], "caps": ["cancel", "telepathy"], "news": 1})
        self.assertEqual(child.read(60)["caps"], ["cancel"])
        child.end()

    def test_an_adapter_that_cannot_be_imported_says_where(self) -> None:
        child = Child(self.folder.write("bad.py", "import this_is_not_there\n"), hello=False)
        self.assertIsNone(child.read(60))
        self.assertEqual(child.end(), 1)
        self.assertIn("bad.py", child.error_text())
        self.assertIn("this_is_not_there", child.error_text())
        self.assertNotIn("serving.py", child.error_text())

    def test_a_line_that_is_no_json_ends_the_child(self) -> None:
        child = self.child("def score(c, r): return [1.0]\n")
        child.write(b"{nonsense")
        said = child.read()
        self.assertEqual(said["op"], "log")
        self.assertIn("nonsense", said["text"])
        self.assertIsNone(child.read())
        self.assertEqual(child.end(), 2)

    def test_unknown_operations_and_handles_are_errors(self) -> None:
        child = self.child("def score(c, r): return [1.0]\n")
        self.assertEqual(child.ask("score", handle=9)["error"]["code"], "broken")
        handle = child.create("adapter")
        self.assertIn("fly", child.ask("fly", handle=handle)["error"]["message"])
        self.assertEqual(child.ask("destroy", handle=handle), {"id": 4})
        self.assertIn("handle", child.score(handle, [["a"]])["error"]["message"])


if __name__ == "__main__":
    unittest.main()
