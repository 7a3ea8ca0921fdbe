"""How should the embedded model be asked on the DARTS space? Whole searches, scored by the surrogate of NAS-Bench-301.

    OMP_NUM_THREADS=1 python benchmarks/darts_prompts.py search --seeds 0-7 --variant obey    # one of VARIANTS
    OMP_NUM_THREADS=1 python benchmarks/darts_prompts.py baselines --seeds 0-7
    python benchmarks/darts_prompts.py summary > benchmarks/results/darts_prompts.md

Variants were compared on seeds 0-7; one was then confirmed once on seeds 100-129, which nothing else saw. YAHPO's
network scores a search, and the ridge judges its final cell. Rows go to benchmarks/results/darts_prompts.csv; seeds
that are there are skipped. A search takes about a minute of one core.
"""

import argparse
import csv
import statistics
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from prompt_formats import seed_range

from seki_lib import get_evaluator
from seki_lib.llm.base import LLM
from seki_lib.llm.local import MODELS, LocalLLM
from seki_lib.prompts import Prompts
from seki_lib.report.statistics import interval
from seki_lib.search import Search, SearchConfig, run
from seki_lib.search.baselines import BASELINES, run_baseline
from seki_lib.search.repository import Repository
from seki_lib.spaces import get_space
from seki_lib.spaces.base import ReplySchema, choice_of
from seki_lib.spaces.darts import NODES

ROWS = Path(__file__).parent / "results" / "darts_prompts.csv"
SPACE = get_space("darts")
EVALUATOR = get_evaluator("surrogate", space="darts", task="cifar10")
COLUMNS = (
    "variant", "words", "seed", "yahpo", "ridge", "best_of_first_36", "mean_evolution", "mean_inspiration",
    "better_children", "first_try", "obeyed", "seconds",
)  # fmt: skip
REPEATED = """{% for example in examples|reverse %}
{% for _ in range((loop.index + 1) // 2) %}
Cell: {{ example.architecture }}
{% endfor %}
{% endfor %}
Cell:
"""
SCORED = """Cells and their accuracy:
{% for example in examples|reverse %}
{{ "%.2f"|format(example.score) }}: {{ example.architecture }}
{% endfor %}
{{ "%.2f"|format(examples[0].score + 0.5) }}:
"""
TARGET = """Cells and their {{ metric }}:
{{ "%.2f"|format(score) }}: {{ architecture }}
change {{ strategy }}
{{ "%.2f"|format(score + 0.5) }}:
"""
VARIANTS = {  # name -> (templates, settings of the model, whether D's grammar holds the change that C asked for)
    "shipped": ({}, {}, False),
    "obey": ({}, {}, True),
    "cold": ({}, {"temperature": 0.7}, False),
    "target + .5": ({"refine": TARGET}, {}, False),
    "E repeated": ({"inspire": REPEATED}, {}, False),
    "E scored": ({"inspire": SCORED}, {}, False),
    "obey, cold": ({}, {"temperature": 0.7}, True),
    "obey, E repeated": ({"inspire": REPEATED}, {}, True),
}


class Asked(LLM):
    """The embedded model; with `obey` the reply to prompt D holds the change that prompt C was answered with."""

    def __init__(self, model, obey):
        self._llm, self.obey = LocalLLM("smollm2-135m", model), obey
        for name in ("name", "notation", "templates", "strategy", "settings"):
            setattr(self, name, getattr(self._llm, name))
        self.search, self.changes = None, []

    def answer(self, question):
        """As the model answers it."""
        if question.stage == "refine" and self.obey:
            parent, child = self.changes[-1]
            draw = SPACE.reply_schema(self.search.notation).draw
            question = replace(
                question, schema=ReplySchema({}, holding(parent, child, self.search.notation.spelling), draw)
            )
        reply = self._llm.answer(question)
        if question.stage == "critique":
            parent = SPACE.parse(self.search.repository.records[-1].architecture)
            self.changes.append((parent, self.search.new_edits(parent)[question.schema.choice(reply.text)]))
        return reply


def holding(parent, child, words):
    """A grammar of all cells that hold the one edge on which `child` differs from `parent`, at its node."""
    rules, order = [f"word ::= {choice_of(words)}"], []
    for cell, edges in child.cells.items():
        for i, node in enumerate(NODES):
            name, place = f"{cell}{node}", slice(2 * i, 2 * i + 2)
            new = [edge for edge in edges[place] if edge not in parent.cells[cell][place]]
            order.append(name)
            if new:
                ((operation, source),) = new
                fixed = f'"{words[SPACE.operations.index(operation)]}{source}"'
                free = f"word [{''.join(str(other) for other in range(node) if other != source)}]"
                rules.append(f'{name} ::= {fixed} " " {free} | {free} " " {fixed}')
            else:
                pairs = [f'word [{a}] " " word [{"".join(str(b) for b in range(node) if b != a)}]' for a in range(node)]
                rules.append(f"{name} ::= " + " | ".join(pairs))
    gap = ' " " '
    root = f'root ::= "normal " {gap.join(order[:4])} " reduce " {gap.join(order[4:])}'
    return "\n".join([root, *rules])


def holds(cell, parent, child):
    """Whether a cell holds the edge on which `child` differs from `parent`."""
    for name, edges in child.cells.items():
        for i in range(4):
            new = set(edges[2 * i : 2 * i + 2]) - set(parent.cells[name][2 * i : 2 * i + 2])
            if new:
                return new <= set(cell.cells[name][2 * i : 2 * i + 2])
    raise ValueError("the two cells are equal")


def read():
    if not ROWS.is_file():
        return []
    with ROWS.open() as file:
        return list(csv.DictReader(file))


def write(row):
    new = not ROWS.is_file()
    with ROWS.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow({key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()})
    print(row, flush=True)


def search(variant, seeds, permute):
    """A row for each seed."""
    templates, settings, obey = VARIANTS[variant]
    model = replace(MODELS["smollm2-135m"], **settings)
    llm, words = Asked(model, obey), "permuted" if permute else "own"
    known = {(row["variant"], row["words"], row["seed"]) for row in read()}
    for seed in seeds:
        if (variant, words, str(seed)) in known:
            continue
        config = SearchConfig(seed=seed, notation=model.notation, strategy=model.strategy, permute_words=permute)
        prompts = Prompts.load(model.templates, **templates)
        started, llm.changes = time.process_time(), []
        walk = llm.search = Search(SPACE, EVALUATOR, llm, prompts, Repository(), config)
        for _ in run(walk):
            pass
        records, best = walk.repository.records, walk.repository.best()
        evolved, inspired = records[1 : config.lam + 1], records[config.lam + 1 :]
        final = EVALUATOR.final(SPACE.parse(best.architecture))
        children = [SPACE.parse(record.architecture) for record in evolved]
        write({
            "variant": variant, "words": words, "seed": seed, "yahpo": final["surrogate_yahpo"],
            "ridge": final["surrogate_ridge"],
            "best_of_first_36": max(record.score for record in records[: config.lam + 1]),
            "mean_evolution": statistics.mean(record.score for record in evolved),
            "mean_inspiration": statistics.mean(record.score for record in inspired),
            "better_children": float(np.mean(
                [b.score > a.score for a, b in zip(records, evolved, strict=False)]
            )),
            "first_try": sum(record.how == "llm" for record in records) / config.rounds,
            "obeyed": float(np.mean([
                holds(cell, *change) for cell, change in zip(children, llm.changes, strict=True)
            ])),
            "seconds": time.process_time() - started,
        })  # fmt: skip


def baselines(seeds):
    """The methods without an LLM, from the same α0 and at the same budget."""
    known = {(row["variant"], row["seed"]) for row in read()}
    for name in BASELINES:
        for seed in seeds:
            if (name, str(seed)) not in known:
                found = run_baseline(name, SPACE, EVALUATOR, evaluations=51, seed=seed)
                final = EVALUATOR.final(found.best)
                judged = {"yahpo": final["surrogate_yahpo"], "ridge": final["surrogate_ridge"]}
                write({"variant": name, "words": "", "seed": seed} | judged)


def summary():
    """Markdown: means over seeds, and paired differences to random search with 95 % intervals."""
    groups = {}
    for row in read():
        seeds = "100-129" if int(row["seed"]) >= 100 else "0-7"
        groups.setdefault((seeds, row["variant"], row["words"]), {})[row["seed"]] = row
    print("# Prompts on the DARTS space: whole searches by YAHPO's surrogate\n")
    print(
        "`benchmarks/darts_prompts.py`; every value is a prediction of a surrogate of NAS-Bench-301, not an accuracy.\n"
    )
    print("| seeds | variant | words | n | yahpo | ridge | yahpo, minus random search | better children | obeyed |")
    print("|---|---|---|---|---|---|---|---|---|")
    for (seeds, variant, words), rows in sorted(groups.items()):
        random = groups.get((seeds, "random_search", ""), {})
        gaps = np.array(
            [float(row["yahpo"]) - float(random[seed]["yahpo"]) for seed, row in rows.items() if seed in random]
        )
        low, high = interval(gaps) if len(gaps) > 1 and gaps.any() else (0.0, 0.0)
        paired = f"{gaps.mean():+.2f} [{low:+.2f}, {high:+.2f}]" if low or high else "–"
        texts = [f"{np.mean([float(row[name]) for row in rows.values()]):.2f}" for name in ("yahpo", "ridge")]
        for name in ("better_children", "obeyed"):
            values = [float(row[name]) for row in rows.values() if row[name]]
            texts.append(f"{np.mean(values):.2f}" if values else "–")
        yahpo, ridge, better, obeyed = texts
        print(f"| {seeds} | {variant} | {words} | {len(rows)} | {yahpo} | {ridge} | {paired} | {better} | {obeyed} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("search", "baselines", "summary"))
    parser.add_argument("--seeds", type=seed_range, default=range(8), help="first-last")
    parser.add_argument("--variant", default="shipped", choices=VARIANTS)
    parser.add_argument("--permute", action="store_true", help="shuffle what the words mean, by the seed")
    asked = parser.parse_args()
    if asked.action == "search":
        search(asked.variant, asked.seeds, asked.permute)
    elif asked.action == "baselines":
        baselines(asked.seeds)
    else:
        summary()


if __name__ == "__main__":
    main()
