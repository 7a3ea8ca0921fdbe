"""What the LLM layer itself costs, without a model: recording, bounds, replay, reading replies; and prefix caching.

    python benchmarks/llm_layer.py

The numbers of the last run stand in docs/add_an_llm.md.
"""

import contextlib
import io
import os
import random
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("PYTEST_CURRENT_TEST", "benchmarks/llm_layer.py")  # scripted: answers in tests and here only
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "llm"))

from fuzz import fuzzed_replies

from seki_lib import get_llm, get_space, runs
from seki_lib.files.errors import InvalidArchitecture
from seki_lib.llm import LLM, CallSeed, Completion
from seki_lib.profiles import Profile
from seki_lib.prompts import Prompts
from seki_lib.runs import RunSpec, search_run
from seki_lib.spaces import SPACES
from seki_lib.spaces.base import LONGEST_READ

ROUNDS = 50
PROFILE = Profile("benchmark", rounds=ROUNDS)


class RandomCells(LLM):
    """Answers with random cells, in no time."""

    name = "local:random-cells"

    def answer(self, question):
        """A cell where one is asked for, else a sentence."""
        text = "Replace the pooling by a convolution. " * 12
        if question.schema is not None:
            space = get_space("nas201")
            text = space.show(space.random(random.Random(question.seed)), "names")
        sent = sum(len(message["content"].split()) for message in question.messages)
        return Completion(text, {"prompt_tokens": sent, "completion_tokens": len(text.split())}, finish="stop")


def seconds(run):
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def overhead(folder):
    """Of a search that is answered at once: ms a round, ms of processor, calls; seconds of its replay."""
    get_llm_of_runs = runs.get_llm
    runs.get_llm = lambda name: RandomCells()
    spec = RunSpec("nas201", "cifar10", "local:random-cells", "benchmark", 0)
    at = []
    search_run(spec, PROFILE, folder, on_step=lambda step: at.append((time.perf_counter(), time.process_time())))
    wall, cpu = (1000 * (at[-1][i] - at[0][i]) / ROUNDS for i in (0, 1))  # after α0: without loading the table
    runs.get_llm = get_llm_of_runs
    lines = (spec.folder(folder) / "transcript.jsonl").read_text().count("\n")
    replayed = RunSpec("nas201", "cifar10", f"replay:{spec.folder(folder)}", "benchmark", 0, "replayed")
    again = seconds(lambda: search_run(replayed, PROFILE, folder))
    return wall, cpu, lines, again


def slowest_reply(count=10_000):
    """Milliseconds of the slowest of this many fuzzed replies in each space."""
    worst = {}
    for name, space in SPACES.items():
        slowest = 0.0
        for text, notation in fuzzed_replies(space, count):
            started = time.process_time()
            with contextlib.suppress(InvalidArchitecture):
                space.read(text[-LONGEST_READ:], notation)
            slowest = max(slowest, time.process_time() - started)
        worst[name] = 1000 * slowest
    return worst


def prefix_caching(calls=12):
    """Tokens sent and tokens that the embedded model evaluated, over prompts C and D of a search, with its cache on."""
    llm, space, prompts, rng = get_llm(), get_space("nas201"), Prompts.load("full"), random.Random(0)
    sent = evaluated = 0
    for i in range(calls):
        common = {"task": "accuracy", "space": space.describe("names"),
                  "architecture": space.show(space.random(rng), "names"), "score": 90.0}  # fmt: skip
        asked = prompts.critique(**common, edits=[]) if i % 2 == 0 else prompts.refine(**common, strategy="More skips.")
        seed = int(CallSeed(0, i, "critique", 0))
        request = {"messages": asked, "max_tokens": 4, "seed": seed, "cache_prompt": True}
        timings = llm._server.handle_chat_completions(request)["timings"]
        sent += timings["prompt_n"] + timings["cache_n"]
        evaluated += timings["prompt_n"]
    return sent, evaluated


def main():
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        runs_of = [overhead(Path(folder) / str(i)) for i in range(3)]
    wall, cpu, _, replay = (min(values) for values in zip(*runs_of, strict=True))
    print(
        f"overhead without the model: {wall:.2f} ms a round, {cpu:.2f} ms of processor ({runs_of[0][2]} calls, on disk)"
    )
    print(f"replay of a {ROUNDS}-round search: {replay:.2f} s")
    for name, worst in slowest_reply().items():
        print(f"slowest of 10,000 fuzzed replies, {name}: {worst:.1f} ms")
    sent, evaluated = prefix_caching()
    print(f"prefix cache of the embedded model: {evaluated} of {sent} prompt tokens evaluated ({evaluated / sent:.0%})")


if __name__ == "__main__":
    main()
