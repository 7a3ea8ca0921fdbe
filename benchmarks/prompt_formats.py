"""Which prompt formats suit the embedded model on NAS-Bench-201? The tables of docs/embedded_llm.md come from here.

    python benchmarks/prompt_formats.py screen                          # 0.2 to 0.4 s a reply, about 20 minutes in all
    python benchmarks/prompt_formats.py search --seeds 100-129          # whole searches as shipped, about 1 minute each
    python benchmarks/prompt_formats.py search --seeds 100-129 --permute
    python benchmarks/prompt_formats.py search --seeds 0-7 --variant NAME   # one of COMBINATIONS
    python benchmarks/prompt_formats.py baselines --seeds 100-129       # seconds
    python benchmarks/prompt_formats.py summary

One thread of a 2-core x86 machine, no GPU. Rows go to benchmarks/results/prompt_formats_*.csv; `search` skips seeds
that are there already. Screening asks for several replies to one prompt and keeps the prompt in the model's cache,
so single replies may differ on another machine; searches keep no cache and repeat exactly.
"""

import argparse
import csv
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from seki_lib import get_evaluator
from seki_lib.llm.base import LLM, CallSeed, Completion, Question
from seki_lib.llm.local import MODELS, LocalLLM, LocalModel, after_space
from seki_lib.prompts import Example, Prompts
from seki_lib.search import Search, SearchConfig, run
from seki_lib.search.baselines import BASELINES, run_baseline
from seki_lib.search.repository import Repository
from seki_lib.spaces import get_space
from seki_lib.spaces.base import Notation, ReplySchema
from seki_lib.spaces.nas201 import NasBench201, NasBench201Cell

RESULTS = Path(__file__).parent / "results"
SPACE: NasBench201 = get_space("nas201")
EVALUATOR = get_evaluator("tabular", space="nas201", task="cifar10")
SHIPPED = MODELS["smollm2-135m"]
NOTATIONS: dict[str, Notation] = {
    **SPACE.notations,
    "digits": Notation("digits", ("0", "1", "2", "3", "4")),
    "letters": Notation("letters", ("A", "B", "C", "D", "E")),
    "colours": Notation("colours", ("red", "blue", "green", "black", "white")),
    "words2": Notation("words2", ("none", "same", "light", "full", "mean")),
}


@dataclass(frozen=True)
class Format:
    """One way to ask: a template and how its reply is written and sampled."""

    template: str
    notation: str = "words"
    chat: bool = False
    temperature: float = 1.0
    truncated: bool = True  # llama.cpp's defaults: top_k 40, top_p 0.95, min_p 0.05
    marked: bool = False  # a letter before each operation: "a large b pool ..."


OMEGA = "{{ space }}\n"
SCORED_CELL = "Cell: {{ architecture }}\nAccuracy: {{ '%.2f'|format(score) }}\n"
CHANGE = SCORED_CELL + "To raise the accuracy, change"
CRITIQUE: dict[str, Format] = {
    "Ω, cell, accuracy": Format(OMEGA + CHANGE),
    "cell, accuracy": Format(CHANGE),
    "cell, accuracy, untruncated": Format(CHANGE, truncated=False),
    "cell without accuracy": Format("Cell: {{ architecture }}\nTo raise the accuracy, change"),
    "cell after accuracy": Format(
        "{{ '%.2f'|format(score) }}: {{ architecture }}\n{{ '%.2f'|format(score + 5) }}: change"
    ),
    "letters": Format(CHANGE, notation="letters"),
    "names of the field": Format(CHANGE, notation="names"),
    "chat": Format(SCORED_CELL + "Which one change raises the accuracy?", chat=True),
    "temperature 0.7": Format(CHANGE, temperature=0.7),
    "temperature 1.3": Format(CHANGE, temperature=1.3),
}
"""Screened alone: the change that the strategy names is applied by the benchmark."""

APPLY = "Cell: {{ architecture }}\nchange {{ strategy }}.\nNew cell:"
TARGET = (
    "Cells and their accuracy:\n{{ '%.2f'|format(score) }}: {{ architecture }}\nchange {{ strategy }}\n"
    "{{ '%.2f'|format(score + STEP) }}:"
)
EXAMPLE = "Cell: A B C D E F\nchange edge 3 from C to G.\nNew cell: A B G D E F\n\n"
REFINE: dict[str, Format] = {
    "Ω, cell": Format(OMEGA + APPLY),
    "cell": Format(APPLY),
    "cell, untruncated": Format(APPLY, truncated=False),
    "accuracies, target + 1": Format(TARGET.replace("STEP", "1")),
    "accuracies, target + 5": Format(TARGET.replace("STEP", "5")),
    "accuracies, target 94": Format(TARGET.replace("score + STEP", "94")),
    "accuracies, target 94, untruncated": Format(TARGET.replace("score + STEP", "94"), truncated=False),
    "one worked example, temperature 0.7": Format(EXAMPLE + APPLY, temperature=0.7),
    "letters": Format(APPLY, notation="letters"),
    "chat": Format("Cell: {{ architecture }}\nchange {{ strategy }}.\nWrite the new cell.", chat=True),
}
"""Screened alone: the strategy is a random single change, the same for all formats."""


def best_last(line: str) -> str:
    """Template text that repeats a line for each example, the best one last."""
    return "{% for e in examples|reverse %}\n" + line + "\n{% endfor %}\n"


SCORED = (
    "Good cells and their accuracy:\n"
    + best_last('{{ "%.2f"|format(e.score) }}: {{ e.architecture }}')
    + '{{ "%.2f"|format(examples[0].score + 0.5) }}:'
)
THRICE = "{% for _ in range(3) %}\n" + best_last("Cell: {{ e.architecture }}") + "{% endfor %}\nCell:"
REPEATED = (
    "{% for e in examples|reverse %}\n{% for _ in range(TIMES) %}\nCell: {{ e.architecture }}\n"
    "{% endfor %}\n{% endfor %}\nCell:"
)
SHIPPED_INSPIRE = REPEATED.replace("TIMES", "(loop.index + 1) // 2")
INSPIRE: dict[str, Format] = {
    "Ω, scores, best last": Format(OMEGA + SCORED),
    "scores, best last": Format(SCORED),
    "scores, best last, untruncated": Format(SCORED, truncated=False),
    "scores, edges marked": Format(SCORED, marked=True),
    "scores, best first": Format(
        "Cells and their accuracy:\n{% for e in examples %}\n{{ '%.2f'|format(e.score) }}: {{ e.architecture }}\n"
        "{% endfor %}\n"
    ),
    "rounded scores, untruncated": Format(
        "Good cells and their accuracy:\n"
        + best_last('{{ "%.0f"|format(e.score) }}: {{ e.architecture }}')
        + '{{ "%.0f"|format(examples[0].score + 1) }}:',
        truncated=False,
    ),
    "ranks, untruncated": Format(
        "Cells by rank:\n" + best_last("{{ loop.revindex }}. {{ e.architecture }}") + "0.", truncated=False
    ),
    "scores, digits, untruncated": Format(SCORED, notation="digits", truncated=False),
    "scores, letters, untruncated": Format(SCORED, notation="letters", truncated=False),
    "scores, colours, untruncated": Format(SCORED, notation="colours", truncated=False),
    "scores, other words": Format(SCORED, notation="words2"),
    "scores, chat": Format(SCORED + " ?\nName a better cell.", chat=True),
    "no scores, best last": Format("Good cells:\n" + best_last("Cell: {{ e.architecture }}") + "Cell:"),
    "list three times, untruncated": Format(THRICE, truncated=False),
    "repeated 1 to 8 times, untruncated": Format(REPEATED.replace("TIMES", "loop.index"), truncated=False),
    "repeated 1 to 4 times": Format(SHIPPED_INSPIRE),
    "repeated 1 to 4 times, untruncated, temperature 1.2": Format(SHIPPED_INSPIRE, truncated=False, temperature=1.2),
}


class Marked(NasBench201):
    """The same cells with a letter before each operation."""

    def show(self, arch: NasBench201Cell, notation: str | Notation) -> str:
        """`a large b pool c skip d large e zero f large`."""
        return " ".join(f"{m} {w}" for m, w in zip("abcdef", super().show(arch, notation).split(), strict=True))

    def read(self, reply: str, notation: str | Notation) -> NasBench201Cell:
        """The cell without its letters."""
        return super().read(" ".join(reply.split()[1::2]), notation)

    def reply_grammar(self, notation: str | Notation) -> str:
        """As `show` spells it."""
        first, _, rest = super().reply_grammar(notation).partition("\n")
        for mark in "abcdef":
            first = first.replace(" word", f' "{mark} " WORD', 1)
        return first.replace("WORD", "word") + "\n" + rest


def space_of(asked: Format) -> NasBench201:
    """How the format spells cells."""
    return Marked() if asked.marked else SPACE


class Asker:
    """The embedded model with a format's settings. Screening keeps the prompt in the cache between its samples."""

    def __init__(self) -> None:
        self._server = LocalLLM("smollm2-135m", SHIPPED)._server

    def __call__(self, prompt: str, schema: ReplySchema, asked: Format, seed: CallSeed) -> str:
        """The reply to a prompt under a schema's grammar."""
        request = {
            "grammar": after_space(schema.grammar),
            "temperature": asked.temperature,
            "seed": int(seed),
            "max_tokens": 80,
        } | ({} if asked.truncated else {"top_k": 0, "top_p": 1.0, "min_p": 0.0})
        if asked.chat:
            messages = [{"role": "user", "content": prompt}]
            answer = self._server.handle_chat_completions(request | {"messages": messages, "cache_prompt": True})
            return str(answer["choices"][0]["message"]["content"]).strip()
        answer = self._server.handle_completions(request | {"prompt": prompt, "cache_prompt": True})
        return str(answer["choices"][0]["text"]).strip()


def score(cell: NasBench201Cell) -> float:
    """True validation accuracy on CIFAR-10 in %."""
    return float(EVALUATOR(cell).score)


def notation_of(asked: Format, context: int, permute: bool) -> Notation:
    notation = NOTATIONS[asked.notation]
    return notation.permuted(Random(context)) if permute else notation


def distance(a: NasBench201Cell, b: NasBench201Cell) -> int:
    """Edges on which two cells differ, 0 to 6."""
    return sum(x != y for x, y in zip(a.edges, b.edges, strict=True))


def random_parents(count: int = 16) -> list[NasBench201Cell]:
    rng = Random(77)
    return [SPACE.random(rng) for _ in range(count)]


def random_histories(count: int = 12) -> Iterator[tuple[list[NasBench201Cell], list[NasBench201Cell]]]:
    """36 random cells of different classes, and 8 of the best 16 of them, best first: what E sees at its start."""
    for context in range(count):
        rng, cells = Random(1000 + context), {}
        while len(cells) < 36:
            cell = SPACE.random(rng)
            cells.setdefault(SPACE.canonical(cell), cell)
        known = sorted(cells.values(), key=score, reverse=True)
        yield known, [known[j] for j in sorted(rng.sample(range(16), 8))]


def screen_critique(ask: Asker, asked: Format, permute: bool) -> dict[str, float]:
    """16 random parents, 4 strategies each."""
    template = Prompts.load("compact", critique=asked.template)
    gains, chosen = [], set()
    for context, parent in enumerate(random_parents()):
        notation = notation_of(asked, context, permute)
        edits = SPACE.edits(parent, notation)
        messages = template.critique(
            task=EVALUATOR.task, space=SPACE.describe(notation), architecture=SPACE.show(parent, notation),
            score=score(parent), edits=list(edits),
        )  # fmt: skip
        for attempt in range(4):
            reply = ask(
                messages[0]["content"],
                ReplySchema.one_of(list(edits)),
                asked,
                CallSeed(context, 0, "critique", attempt),
            )
            chosen.add((context, reply))
            gains.append(score(edits[reply]) - score(parent))
    return {
        "samples": len(gains),
        "better_than_parent": statistics.mean(gain > 0 for gain in gains),
        "mean_valid": statistics.mean(gains) + statistics.mean(map(score, random_parents())),
        "different": len(chosen) / len(gains),
    }


def screen_refine(ask: Asker, asked: Format, permute: bool) -> dict[str, float]:
    """16 random parents, 6 random strategies each."""
    template = Prompts.load("compact", refine=asked.template)
    better, values, obeyed, changed = [], [], [], []
    for context, parent in enumerate(random_parents()):
        notation, rng = notation_of(asked, context, permute), Random(context)
        edits = SPACE.edits(parent, notation)
        for attempt in range(6):
            strategy, target = rng.choice(list(edits.items()))
            messages = template.refine(
                task=EVALUATOR.task, space=SPACE.describe(notation), architecture=SPACE.show(parent, notation),
                score=score(parent), strategy=strategy,
            )  # fmt: skip
            reply = ask(
                messages[0]["content"], SPACE.reply_schema(notation), asked, CallSeed(context, 0, "refine", attempt)
            )
            child = SPACE.read(reply, notation)
            edge = next(e for e in range(6) if target.edges[e] != parent.edges[e])
            better.append(score(child) > score(parent))
            values.append(score(child))
            obeyed.append(child.edges[edge] == target.edges[edge])
            changed.append(distance(child, parent))
    return {
        "samples": len(values),
        "better_than_parent": statistics.mean(better),
        "mean_valid": statistics.mean(values),
        "strategy_obeyed": statistics.mean(obeyed),
        "edges_changed": statistics.mean(changed),
    }


def screen_inspire(ask: Asker, asked: Format, permute: bool) -> dict[str, float]:
    """12 histories of random cells, 10 proposals each."""
    template = Prompts.load("compact", inspire=asked.template)
    space = space_of(asked)
    values, new, beats, gains, nearest = [], [], [], [], []
    for context, (known, shown) in enumerate(random_histories()):
        notation = notation_of(asked, context, permute)
        examples = [Example(space.show(cell, notation), score(cell)) for cell in shown]
        messages = template.inspire(task=EVALUATOR.task, space=SPACE.describe(notation), examples=examples)
        seen, best = {SPACE.canonical(cell) for cell in known}, score(known[0])
        for attempt in range(10):
            reply = ask(
                messages[0]["content"], space.reply_schema(notation), asked, CallSeed(context, 0, "inspire", attempt)
            )
            cell = space.read(reply, notation)
            new.append(SPACE.canonical(cell) not in seen)
            seen.add(SPACE.canonical(cell))
            values.append(score(cell))
            beats.append(score(cell) > examples[0].score)
            nearest.append(min(distance(cell, other) for other in shown))
            best = max(best, score(cell))
        gains.append(best - score(known[0]))
    return {
        "samples": len(values),
        "better_than_parent": statistics.mean(b and n for b, n in zip(beats, new, strict=True)),
        "mean_valid": statistics.mean(values),
        "new": statistics.mean(new),
        "edges_changed": statistics.mean(nearest),
        "gain": statistics.mean(gains),
    }


COMBINATIONS: dict[str, tuple[dict[str, str], dict[str, Any], dict[str, Any]]] = {
    "shipped": ({}, {}, {}),
    "scored": ({"inspire": SCORED}, {}, {}),
}
"""Whole searches: changed templates, changed settings of the model, changed SearchConfig fields."""

SCREENS: dict[str, tuple[dict[str, Format], Callable[[Asker, Format, bool], dict[str, float]]]] = {
    "critique": (CRITIQUE, screen_critique),
    "refine": (REFINE, screen_refine),
    "inspire": (INSPIRE, screen_inspire),
}
SCREEN_COLUMNS = (
    "stage", "format", "words", "samples", "better_than_parent", "mean_valid", "new", "gain", "strategy_obeyed",
    "edges_changed", "different", "seconds_a_sample",
)  # fmt: skip
SEARCH_COLUMNS = (
    "variant", "words", "seed", "valid", "test", "best_of_first_36", "mean_evolution", "mean_inspiration", "first_try",
    "distinct", "calls", "seconds",
)  # fmt: skip


def screen() -> None:
    """All formats with the words' own meanings, then prompt E with permuted ones."""
    ask, done = Asker(), {(r["stage"], r["format"], r["words"]) for r in read("screening")}
    for stage, (formats, measure) in SCREENS.items():
        for name, asked in formats.items():
            for permute in (False, True) if stage == "inspire" else (False,):
                if (stage, name, "permuted" if permute else "own") in done:
                    continue
                started = time.process_time()
                row = measure(ask, asked, permute)
                seconds = (time.process_time() - started) / row["samples"]
                words = "permuted" if permute else "own"
                write(
                    "screening",
                    SCREEN_COLUMNS,
                    {"stage": stage, "format": name, "words": words, "seconds_a_sample": seconds, **row},
                )


class Counted(LLM):
    """The embedded model, with the calls counted."""

    def __init__(self, model: LocalModel) -> None:
        self._llm = LocalLLM("smollm2-135m", model)
        self.name, self.notation, self.templates = self._llm.name, self._llm.notation, self._llm.templates
        self.strategy, self.settings = self._llm.strategy, self._llm.settings
        self.calls = 0

    def answer(self, question: Question) -> Completion:
        """As the model answers it."""
        self.calls += 1
        return self._llm.answer(question)


def search(variant: str, seeds: range, permute: bool) -> None:
    """Whole searches; one row a seed. The test accuracy is read for the final cell only."""
    templates, settings, changes = COMBINATIONS[variant]
    model, words = replace(SHIPPED, **settings), "permuted" if permute else "own"
    done = {(r["variant"], r["words"], r["seed"]) for r in read("searches")}
    llm = Counted(model)
    for seed in seeds:
        if (variant, words, str(seed)) in done:
            continue
        config = replace(
            SearchConfig(seed=seed, notation=model.notation, strategy=model.strategy, permute_words=permute), **changes
        )
        prompts = Prompts.load(model.templates, **templates)
        started, llm.calls = time.process_time(), 0
        walk = Search(SPACE, EVALUATOR, llm, prompts, Repository(), config)
        for _ in run(walk):
            pass
        records, best = walk.repository.records, walk.repository.best()
        evolved, inspired = records[1 : config.lam + 1], records[config.lam + 1 :]
        write("searches", SEARCH_COLUMNS, {
            "variant": variant, "words": words, "seed": seed, "valid": best.score,
            "test": EVALUATOR.final(SPACE.parse(best.architecture))["cifar10_test"],
            "best_of_first_36": max(r.score for r in records[: config.lam + 1]),
            "mean_evolution": statistics.mean(r.score for r in evolved),
            "mean_inspiration": statistics.mean(r.score for r in inspired),
            "first_try": sum(r.how == "llm" for r in records) / config.rounds,
            "distinct": len({r.canonical for r in records}),
            "calls": llm.calls, "seconds": time.process_time() - started,
        })  # fmt: skip


def baselines(seeds: range) -> None:
    """The methods without an LLM, from the same α0 as the search of the same seed."""
    for name in BASELINES:
        for seed in seeds:
            done = run_baseline(name, SPACE, EVALUATOR, evaluations=51, seed=seed)
            test = EVALUATOR.final(done.best)["cifar10_test"]
            write(
                "searches",
                SEARCH_COLUMNS,
                {"variant": name, "words": "", "seed": seed, "valid": max(done.scores), "test": test},
            )


def read(table: str) -> list[dict[str, str]]:
    path = RESULTS / f"prompt_formats_{table}.csv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(table: str, columns: tuple[str, ...], row: dict[str, Any]) -> None:
    """Append one row and print it."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"prompt_formats_{table}.csv"
    row = {key: f"{value:.3f}" if isinstance(value, float) else value for key, value in row.items()}
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        if file.tell() == 0:
            writer.writeheader()
        writer.writerow(row)
    print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)


def summary() -> None:
    """Mean ± standard deviation of the test accuracy, and the paired difference to each baseline on the same seeds."""
    groups: dict[tuple[str, str], dict[int, dict[str, str]]] = {}
    for row in read("searches"):
        groups.setdefault((row["variant"], row["words"]), {})[int(row["seed"])] = row
    for (variant, words), rows in groups.items():
        for low, high in ((0, 99), (100, 199)):
            seeds = [seed for seed in rows if low <= seed <= high]
            if len(seeds) < 2:
                continue
            line = f"{variant:22s} {words:9s} seeds {min(seeds)}-{max(seeds)} n={len(seeds):2d}"
            for column in SEARCH_COLUMNS[3:]:
                values = [float(rows[seed][column]) for seed in seeds if rows[seed][column]]
                if values:
                    line += f"  {column} {statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}"
            for baseline in BASELINES:
                other = groups.get((baseline, ""), {})
                gaps = [float(rows[s]["test"]) - float(other[s]["test"]) for s in seeds if s in other]
                if len(gaps) > 1 and variant != baseline:
                    error = statistics.stdev(gaps) / len(gaps) ** 0.5
                    line += f"  minus {baseline} {statistics.mean(gaps):+.2f} ± {error:.2f} (s.e.)"
            print(line)


def seed_range(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("screen", "search", "baselines", "summary"))
    parser.add_argument("--seeds", type=seed_range, default=range(8), help="first-last")
    parser.add_argument("--variant", default="shipped", choices=COMBINATIONS)
    parser.add_argument("--permute", action="store_true", help="shuffle what the words mean, by the seed")
    asked = parser.parse_args()
    if asked.action == "screen":
        screen()
    elif asked.action == "search":
        search(asked.variant, asked.seeds, asked.permute)
    elif asked.action == "baselines":
        baselines(asked.seeds)
    else:
        summary()


if __name__ == "__main__":
    main()
