"""What AVX-512 kernels would bring: the kit's llama.cpp, built for AVX2, beside one built on this machine for its CPU.

    CMAKE_ARGS=-DGGML_NATIVE=ON pip install --no-binary llama-cpp-python llama-cpp-python    # in its own environment
    python benchmarks/native_kernels.py <that environment>/bin/python

One thread; a prompt E of a kept search is read and 48 tokens are written. The builds take turns; ratios are of medians.
"""

import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

from seki_lib.files.jsonl import read_lines
from seki_lib.llm.local import local
from seki_lib.results import KEPT

ROUNDS, TOKENS = 3, 48
MODELS = ("qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b")
NATIVE = """
import json, sys, time
from llama_cpp import Llama, llama_print_system_info
model, text, rounds, count = sys.argv[1], sys.stdin.read(), int(sys.argv[2]), int(sys.argv[3])
llm = Llama(model, n_ctx=2048, n_threads=1, n_threads_batch=1, verbose=False, seed=1)
tokens, rates = llm.tokenize(text.encode()), []
for _ in range(rounds):
    llm.reset()
    start = time.perf_counter()
    llm.eval(tokens)
    read = time.perf_counter()
    for _ in range(count):
        llm.eval([llm.sample(temp=0)])
    rates.append([len(tokens) / (read - start), count / (time.perf_counter() - read)])
print(json.dumps([llama_print_system_info().decode(), rates]))
"""


def prompt() -> str:
    """The last prompt E of a kept search."""
    folder = KEPT.search("nas201", "cifar10", f"local:{MODELS[1]}", seed=8)
    calls = [call for call in read_lines(folder / "transcript.jsonl") if call["stage"] == "inspire"]
    return "\n".join(message["content"] for message in calls[-1]["messages"])


def of_the_kit(model: str, text: str) -> list[list[float]]:
    """(rounds, 2): prompt and reply tokens a second."""
    llm, rates = local(model), []
    llm.load()
    asked = {"prompt": text, "n_predict": TOKENS, "temperature": 0, "cache_prompt": False, "ignore_eos": True}
    for _ in range(ROUNDS):
        took = llm._post("/completion", asked)["timings"]
        rates.append([took["prompt_per_second"], took["predicted_per_second"]])
    return rates


def of_the_other(python: str, model: str, text: str) -> tuple[str, list[list[float]]]:
    """What that build says of itself, and its rates."""
    words = [python, "-c", NATIVE, str(local(model)._file()), str(ROUNDS), str(TOKENS)]
    said: Any = json.loads(subprocess.run(words, input=text, capture_output=True, text=True, check=True).stdout)
    return said[0], said[1]


def main() -> None:
    """Print the file and write it."""
    python, text, kernels = sys.argv[1], prompt(), ""
    lines = [
        "| model | kit: prompt, reply | native: prompt, reply | native / kit: prompt | native / kit: reply |",
        "| --- | --- | --- | --- | --- |",
    ]
    for model in MODELS:
        kit, other = [], []
        for _ in range(2):
            kit += of_the_kit(model, text)
            kernels, found = of_the_other(python, model, text)
            other += found
        (p, r), (q, s) = ([median(column) for column in zip(*rates, strict=True)] for rates in (kit, other))
        lines.append(f"| {model} | {p:.0f}, {r:.1f} | {q:.0f}, {s:.1f} | {q / p:.2f} | {s / r:.2f} |")
    head = [
        "# Kernels for this CPU beside those of the package",
        "",
        f"`{kernels.strip()}`",
        "",
        "Tokens a second, one thread:",
    ]
    written = "\n".join([*head, "", *lines, ""])
    (Path(__file__).parent / "results" / "native_kernels.md").write_text(written, encoding="utf-8")
    print(written)


if __name__ == "__main__":
    main()
