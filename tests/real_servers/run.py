"""Runs the program against a real server and checks what it stored: `python run.py path/to/tribunal`.

Every check is a function below `CHECKS`. What the program stored is held against what the server says when it is asked
the same again, without the program in between.
"""

import csv
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile

import make_model
from server import Recorder, Server, ask, free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUN_WITHIN = 600
# Both sides read the same numbers of the same reply format; only the sum of a handful of terms differs.
CLOSE = 1e-6

SUITE = f"""
[suite.advice]
kind = "pairs"
path = "{ROOT}/examples/data/pairs/pairs.csv"
fields = {{ id = "id", subset = "topic", prompt = "prompt", chosen = "better", rejected = "worse" }}
"""
with (ROOT / "examples/data/pairs/pairs.csv").open(encoding="utf-8", newline="") as file:
    ROWS = list(csv.DictReader(file))
PAIRS = len(ROWS)

PROMPT = '''
name = "server-test"
source = "written for this test"
candidates = 2

[[turns]]
role = "user"
text = """
Question: {{ question }}

{{ answer_a }}

{{ answer_b }}

{{ verdict }}"""

[verdict.letter]
[verdict.label-logprob]
[verdict.json]
winner = "winner"
'''


class Run:
    """One run of the program and the folder that it left."""

    def __init__(self, bench, name, recipe, *flags, accept=True):
        self.folder = bench.folder / name
        self.folder.mkdir()
        path = self.folder / "recipe.toml"
        path.write_text(recipe)
        (self.folder / "prompt.toml").write_text(PROMPT)
        (self.folder / "template.jinja").write_text(make_model.TEMPLATE)
        # A model of noise is no better than a coin, which the self-check rightly says.
        accepted = ["--accept-unverified"] if accept else []
        command = [bench.program, "run", str(path), "--out", str(self.folder / "run"), *accepted, *flags]
        clean = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        done = subprocess.run(command, cwd=self.folder, env=clean, capture_output=True, text=True, timeout=RUN_WITHIN)
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def expect(self, code):
        assert self.code == code, f"exit code {self.code}, not {code}\n{self.err}"
        return self

    def lines(self, path):
        text = path.read_text()
        return [json.loads(line) for line in text.splitlines()]

    def samples(self):
        """All samples of all units, the header of each segment left out."""
        files = sorted((self.folder / "run" / "trials").glob("*.jsonl"))
        units = [line for file in files for line in self.lines(file) if "trial" in line]
        assert len({unit["trial"] for unit in units}) == len(units), "a trial is stored twice"
        return [sample for unit in units for sample in unit["samples"]]

    def scores(self):
        """The scores of all samples; fails when some sample has none."""
        samples = self.samples()
        silent = [sample for sample in samples if "scores" not in sample]
        assert not silent, f"{len(silent)} of {len(samples)} samples have no scores, such as {silent[0]}"
        scores = [sample["scores"] for sample in samples]
        assert all(math.isfinite(score) for several in scores for score in several), "a score is not finite"
        return scores

    def timing(self):
        return self.lines(self.folder / "run" / "timing.jsonl")

    def complete(self):
        summary = json.loads((self.folder / "run" / "summary.json").read_text())
        assert summary["complete"]["complete"], summary["complete"]
        return self


class Bench:
    """The program, the server with its models, and a folder to work in."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        models = {kind: folder / f"{kind}.gguf" for kind in make_model.KINDS}
        for kind, path in models.items():
            make_model.write(kind, path)
        self.models = models
        self.server = Server(folder, models)


def judge(generator, settings=""):
    return f"""
{generator}
[source.judge]
kind = "judge"
generator = "tiny"
prompt = "./prompt.toml"
order = "both"
{settings}
{SUITE}"""


def chat(base, model, more=""):
    return f"""
[generator.tiny]
kind = "http.chat"
provider = "openai"
base-url = "{base}"
model = "{model}"
{more}"""


def completions(base, model, more=""):
    return f"""
[generator.tiny]
kind = "http.completions"
base-url = "{base}"
model = "{model}"
template = "template.jinja"
template-variables = {{ bos_token = "" }}
{more}"""


def used_and_served(run, model):
    """Every call that answered something says what it used and who served it."""
    answered = [line for line in run.timing() if line["answered"]]
    assert answered, "no call answered anything"
    for line in answered:
        usage = line.get("usage", {})
        assert usage.get("input-tokens", 0) > 0, f"no tokens read in {line}"
        assert line.get("served", "").startswith(model), f"not served by `{model}`: {line}"
    return answered


def a_chat_judge_reads_a_verdict_from_every_reply(bench):
    run = Run(bench, "chat", judge(chat(bench.server.url, "brackets"), 'readout = "letter"')).expect(0).complete()
    scores = run.scores()
    assert len(scores) == 2 * PAIRS, f"{len(scores)} samples of {2 * PAIRS}"
    assert {tuple(one) for one in scores} <= {(1.0, 0.0), (0.0, 1.0)}, scores
    for line in used_and_served(run, "brackets"):
        # `[[`, the letter and `]]`, once or more per call; the token that ends a reply is not counted.
        assert line["usage"]["output-tokens"] == 3 * line["answered"], line


def a_model_of_noise_fails_the_self_check_and_nothing_is_asked(bench):
    run = Run(bench, "noise", judge(chat(bench.server.url, "letter"), 'readout = "label-logprob"'), accept=False)
    run.expect(7)
    assert "coin" in run.err or "reversed" in run.err, run.err


def label_probability(logprobs, first="A", second="B"):
    """The share of the first label's probability, all spellings of both summed, at the first token."""
    mass = {first: 0.0, second: 0.0}
    for token, logprob in logprobs.items():
        if token.strip().upper() in mass:
            mass[token.strip().upper()] += math.exp(logprob)
    return mass[first] / (mass[first] + mass[second])


def same_numbers(stored, computed):
    """Both lists hold the same numbers, each as often."""
    assert len(stored) == len(computed), f"{len(stored)} stored, {len(computed)} computed"
    apart = max(abs(one - other) for one, other in zip(sorted(stored), sorted(computed)))
    assert apart <= CLOSE, f"the farthest two are {apart} apart"
    assert len({round(one, 6) for one in stored}) > len(stored) // 4, "the numbers hardly differ"


def asked_again(bench, recorder, route):
    """Each recorded request on a route with what the server replies to it now."""
    requests = [(body, status) for path, body, status, _ in recorder.seen if path == route]
    assert all(status == 200 for _, status in requests), [status for _, status in requests]
    for body, _ in requests:
        status, reply = ask(bench.server.url + route, body)
        assert status == 200, reply
        yield body, reply


def label_logprobs_of_chat_are_those_of_the_server(bench):
    recorder = Recorder(bench.server.port)
    try:
        recipe = judge(chat(recorder.url, "letter"), 'readout = "label-logprob"')
        run = Run(bench, "chat-logprobs", recipe).expect(0).complete()
        used_and_served(run, "letter")
        stored = [scores[0] for scores in run.scores()]
        computed = {}
        for body, reply in asked_again(bench, recorder, "/v1/chat/completions"):
            token = reply["choices"][0]["logprobs"]["content"][0]
            listed = {other["token"]: other["logprob"] for other in token["top_logprobs"]}
            computed[json.dumps(body["messages"])] = label_probability(listed)
        of_suite(stored, computed)
    finally:
        recorder.stop()


def label_logprobs_of_completions_are_those_of_the_server(bench):
    recorder = Recorder(bench.server.port)
    try:
        recipe = judge(completions(recorder.url, "letter"), 'readout = "label-logprob"')
        run = Run(bench, "completions", recipe).expect(0).complete()
        used_and_served(run, "letter")
        stored = [scores[0] for scores in run.scores()]
        computed = {}
        for body, reply in asked_again(bench, recorder, "/v1/completions"):
            assert body["prompt"].endswith("<|im_start|>assistant\n"), body["prompt"][-60:]
            listed = reply["choices"][0]["logprobs"]["top_logprobs"][0]
            computed[body["prompt"]] = label_probability(listed)
        of_suite(stored, computed)
    finally:
        recorder.stop()


def of_suite(stored, computed):
    """The stored numbers are those computed for the requests about the suite; the self-check asked the others."""

    def about_the_suite(text):
        plain = text if not text.startswith("[{") else json.loads(text)[-1]["content"]
        return any(row["better"] in plain and row["worse"] in plain for row in ROWS)

    same_numbers(stored, [value for text, value in computed.items() if about_the_suite(text)])


def embeddings_are_read_where_the_recipe_says(bench):
    recorder = Recorder(bench.server.port)
    try:
        recipe = f"""
[source.reward]
kind = "http.reward"
server = "sglang-embeddings"
base-url = "{recorder.url}"
model = "embedding"
template = "template.jinja"
template-variables = {{ bos_token = "" }}
label = -1
{SUITE}"""
        run = Run(bench, "embeddings", recipe).expect(0).complete()
        answered = used_and_served(run, "embedding")
        assert sum(line["answered"] for line in answered) == 2 * PAIRS, answered
        stored = [scores[0] for scores in run.scores()]
        values = {}
        for body, reply in asked_again(bench, recorder, "/v1/embeddings"):
            texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
            values.update({texts[one["index"]]: one["embedding"][-1] for one in reply["data"]})
        turn = "<|im_start|>{}\n{}<|im_end|>\n".format
        asked = [turn("user", row["prompt"]) + turn("assistant", row[key]) for row in ROWS for key in ("better", "worse")]
        missing = [text for text in asked if text not in values]
        assert not missing, f"{len(missing)} texts were not asked as the template has them, such as {missing[0]!r}"
        same_numbers(stored, [values[text] for text in asked])
    finally:
        recorder.stop()


def a_verdict_in_json_is_read_where_the_server_holds_the_model_to_a_schema(bench):
    # This server takes schemas in a form of its own and refuses the usual one.
    schema = {"type": "object", "properties": {"winner": {"enum": ["A", "B"]}}, "required": ["winner"]}
    form = as_toml({"response_format": {"type": "json_object", "schema": schema}})
    generator = chat(bench.server.url, "brackets", f"extra = {form}")
    settings = 'readout = "json"\nconstrain = false\nsampling = { max-tokens = 64 }'
    scores = Run(bench, "json", judge(generator, settings)).expect(0).complete().scores()
    assert {tuple(one) for one in scores} <= {(1.0, 0.0), (0.0, 1.0)}, scores


def as_toml(value):
    """A JSON value as TOML writes it on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {as_toml(one)}" for key, one in value.items()) + " }"
    return json.dumps(value)


def a_server_that_ignores_n_is_asked_for_each_sample(bench):
    settings = 'readout = "letter"\nsampling = { temperature = 0.3 }\nsamples = 3'
    run = Run(bench, "samples", judge(chat(bench.server.url, "brackets"), settings)).expect(0).complete()
    samples = run.samples()
    assert len(samples) == 2 * PAIRS * 3, f"{len(samples)} samples of {2 * PAIRS * 3}"
    written = sum(line["usage"]["output-tokens"] for line in used_and_served(run, "brackets"))
    assert written >= 3 * len(samples), f"{written} tokens for {len(samples)} samples"


def a_reply_cut_at_its_token_limit_abstains_as_truncated(bench):
    settings = 'readout = "letter"\nsampling = { max-tokens = 1 }'
    run = Run(bench, "truncated", judge(chat(bench.server.url, "brackets"), settings)).expect(0)
    reasons = {sample.get("abstained") for sample in run.samples()}
    assert reasons == {"truncated"}, reasons


def a_question_beyond_the_context_abstains_as_too_long(bench):
    folder = bench.folder / "long-data"
    folder.mkdir()
    rows = [{"prompt": "Say a word.", "better": "word " * 4000, "worse": "no"}]
    rows += [{"prompt": f"Say {n}.", "better": str(n), "worse": "no"} for n in range(3)]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    suite = f"""
[suite.long]
kind = "pairs"
path = "{folder}/pairs.jsonl"
fields = {{ prompt = "prompt", chosen = "better", rejected = "worse" }}
"""
    recipe = judge(chat(bench.server.url, "brackets"), 'readout = "letter"').replace(SUITE, suite)
    run = Run(bench, "long", recipe).expect(0)
    reasons = sorted(str(sample.get("abstained")) for sample in run.samples())
    assert reasons == ["None"] * 6 + ["too-long"] * 2, reasons


def a_server_that_is_not_there_stops_the_run_resumable(bench):
    recipe = judge(chat(f"http://127.0.0.1:{free_port()}", "brackets"), "retry = { attempts = 1 }")
    run = Run(bench, "nobody", recipe).expect(6)
    assert "127.0.0.1" in run.err, run.err


def the_injection_recipe_reports_the_flip_rate_of_a_judge(bench):
    recipe = f"""
extends = ["{ROOT}/examples/recipes/08-injection.toml"]
unset = ["source.longest", "source.shortest"]
[generator.model]
base-url = "{bench.server.url}"
model = "letter"
[source.judge]
prompt = "./prompt.toml"
readout = "label-logprob"
"""
    run = Run(bench, "injection", recipe, "--limit", "3", "--json").expect(0)
    rows = [row for row in json.loads(run.out)["measures"] if row["source"] == "judge"]
    rates = {row["subset"]: row["value"] for row in rows if row["measure"] == "flip-rate"}
    assert len(rates) == 1 + 15, rates
    # Three pairs, clean and under 15 attacks, in both orders.
    assert len(run.scores()) == 3 * 16 * 2, len(run.scores())
    known = [rate for rate in rates.values() if rate is not None]
    assert all(0 <= rate <= 1 for rate in known), rates
    clean = next(row for row in rows if row["measure"] == "accuracy-clean")
    assert (clean["value"] > 0) == bool(known), "a flip rate is known exactly when some clean pair is judged right"


def a_managed_server_is_started_and_stopped_with_the_run(bench):
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(bench.models["letter"]), "--model_alias"]
    command += ["letter", "--n_ctx", "8192", "--host", "127.0.0.1", "--port", "{port}", "--verbose", "false"]
    port = free_port()
    generator = f"""
[server.tiny]
command = {json.dumps(command)}
port = {port}
ready = "/v1/models"

[generator.tiny]
kind = "http.chat"
provider = "openai"
server = "tiny"
model = "letter"
"""
    run = Run(bench, "managed", judge(generator, 'readout = "label-logprob"')).expect(0).complete()
    assert len(run.scores()) == 2 * PAIRS
    try:
        ask(f"http://127.0.0.1:{port}/v1/models")
    except OSError:
        return
    raise AssertionError("the server still answers")


CHECKS = [
    a_chat_judge_reads_a_verdict_from_every_reply,
    a_model_of_noise_fails_the_self_check_and_nothing_is_asked,
    label_logprobs_of_chat_are_those_of_the_server,
    label_logprobs_of_completions_are_those_of_the_server,
    embeddings_are_read_where_the_recipe_says,
    a_verdict_in_json_is_read_where_the_server_holds_the_model_to_a_schema,
    a_server_that_ignores_n_is_asked_for_each_sample,
    a_reply_cut_at_its_token_limit_abstains_as_truncated,
    a_question_beyond_the_context_abstains_as_too_long,
    a_server_that_is_not_there_stops_the_run_resumable,
    the_injection_recipe_reports_the_flip_rate_of_a_judge,
    a_managed_server_is_started_and_stopped_with_the_run,
]


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: run.py TRIBUNAL [PART OF A CHECK'S NAME]")
    program = str(pathlib.Path(sys.argv[1]).resolve())
    wanted = [check for check in CHECKS if all(part in check.__name__ for part in sys.argv[2:])]
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="tribunal-servers-") as folder:
        bench = Bench(program, pathlib.Path(folder))
        try:
            bench.server.wait()
            for check in wanted:
                name = check.__name__.replace("_", " ")
                try:
                    check(bench)
                    passed += 1
                    print(f"ok      {name}", flush=True)
                except (AssertionError, LookupError, OSError, ValueError, subprocess.TimeoutExpired) as problem:
                    failed += 1
                    print(f"FAILED  {name}: {type(problem).__name__}: {problem}", flush=True)
        finally:
            bench.server.stop()
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
