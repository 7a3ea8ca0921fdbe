"""How many tokens one call takes, by set of templates, space and stage, in the embedded model's tokenizer.

    python benchmarks/prompt_tokens.py        # seconds on one CPU thread, writes benchmarks/results/prompt_tokens.csv

Prompts are the kit's own, filled with random cells (the mean of 8; ξ = 8 of them in the inspiration prompt). Replies
are not asked for: an architecture is counted as the reply schema's JSON (compact: as the words themselves), a critique
as the 200 tokens that its 150 words make, which is where 19 of 19 real replies ended (docs/cost.md). `seki cost` takes
these numbers for an LLM that has finished no search on this machine.
"""

import csv
import json
import random
import statistics
from pathlib import Path

from seki_lib.llm import get_llm
from seki_lib.prompts import Example, Prompts
from seki_lib.spaces import SPACES, get_space

ASKED = {"full": "names", "compact": "words"}  # templates -> notation of the LLMs that are asked so
CELLS, CRITIQUE, SCORE = 8, 200, 90.0
TASK = "image classification on CIFAR-10; f is the accuracy in % on validation images"


def instance(schema):
    """Some reply that the schema allows."""
    if "properties" in schema:
        return {name: instance(part) for name, part in schema["properties"].items()}
    if "enum" in schema:
        return schema["enum"][-1]
    return [instance(item) for item in schema["prefixItems"]]


def calls(space, templates, cells):
    """(stage, messages, reply) of one round of each kind, for each cell."""
    notation, prompts = ASKED[templates], Prompts.load(templates)
    common = {"task": TASK, "space": space.describe(notation)}
    examples = [Example(space.show(cell, notation), SCORE) for cell in cells]
    edit = next(iter(space.edits(cells[0], notation)))
    for cell in cells:
        shown = space.show(cell, notation)
        reply = shown if templates == "compact" else json.dumps(instance(space.reply_schema(notation)))
        strategy = edit if templates == "compact" else ""
        here = common | {"architecture": shown, "score": SCORE}
        yield "critique", prompts.critique(**here, edits=[]), strategy
        yield "refine", prompts.refine(**here, strategy=strategy), reply
        yield "inspire", prompts.inspire(**common, examples=examples), reply


def main():
    llm = get_llm("local:smollm2-135m")

    def tokens(text):
        return len(llm._post("/tokenize", {"content": text, "add_special": False})["tokens"])

    rows = []
    for templates in ASKED:
        for name in SPACES:
            space, rng = get_space(name), random.Random(0)
            counted = {}
            for stage, messages, reply in calls(space, templates, [space.random(rng) for _ in range(CELLS)]):
                prompt = sum(tokens(message["content"]) for message in messages)
                counted.setdefault(stage, []).append((prompt, tokens(reply)))
            for stage, pairs in counted.items():
                prompt, reply = (round(statistics.fmean(values)) for values in zip(*pairs, strict=True))
                if templates == "full":  # a critique of free words
                    prompt, reply = prompt + CRITIQUE * (stage == "refine"), reply + CRITIQUE * (stage == "critique")
                rows.append((templates, name, stage, prompt, reply))
    path = Path(__file__).parent / "results" / "prompt_tokens.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([("templates", "space", "stage", "prompt_tokens", "reply_tokens"), *rows])
    print(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
