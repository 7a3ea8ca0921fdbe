"""Which prompts make a model of 0.5 to 1.5 B parameters criticise in words, and obey itself? docs/llms.md reads this.

    python benchmarks/reasoned_prompts.py critique --model qwen2.5-coder-0.5b [--format NAME] [--permute] [--parents 10]
    python benchmarks/reasoned_prompts.py refine   --model ...       # a strategy in words is carried out: is it obeyed?
    python benchmarks/reasoned_prompts.py inspire  --model ...       # 8 of the 16 best of 36 random cells are shown

One thread, no GPU, NAS-Bench-201; seconds are processor seconds a reply. A row a format goes to
benchmarks/results/reasoned_prompts.csv, and every reply to reasoned_prompts_replies.jsonl beside it. Parents and
histories are drawn here and are no search's. Several replies to one prompt keep it in the model's cache, so single
replies may differ elsewhere.
"""

import argparse
import csv
import json
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from seki_lib import get_evaluator
from seki_lib.llm.base import CallSeed
from seki_lib.llm.local import LocalLLM, LocalModel, after_space
from seki_lib.prompts import Example, Prompts
from seki_lib.spaces import get_space
from seki_lib.spaces.base import Notation, ReplySchema
from seki_lib.spaces.nas201 import EDGE_NAMES, NasBench201, NasBench201Cell

RESULTS = Path(__file__).parent / "results"
SPACE = get_space("nas201")
EVALUATOR = get_evaluator("tabular", space="nas201", task="cifar10")
COLUMNS = (
    "stage", "model", "format", "words", "replies", "better", "mean", "obeyed", "edges_changed", "new", "reply_tokens",
    "prompt_tokens", "seconds",
)  # fmt: skip


@dataclass(frozen=True)
class Format:
    """One way to ask.

    form: how the lines of the reply begin, the answer's the last; nothing for the answer alone. reply: how D answers,
    a key of REPLIES. change: how the strategy spells a change, from {edge}, {old} and {new}.
    """

    template: str
    form: tuple[str, ...] = ()
    notation: str = "edges"
    temperature: float = 0.7
    chat: bool = True
    letters: bool = False  # edges are called A to F
    reply: str = "cell"
    change: str = "{edge} {new}, not {old}"

    @property
    def space(self) -> NasBench201:
        """How it spells cells."""
        return LETTERED if self.letters else SPACE


class Lettered(NasBench201):
    """The same cells, an edge called A to F: `A large B pool C skip D large E zero F large`."""

    def show(self, arch: NasBench201Cell, notation: str | Notation) -> str:
        """A third of the tokens that `0->1 large, …` takes."""
        return " ".join(f"{letter} {word.split()[1]}" for letter, word in zip(
            LETTERS, super().show(arch, notation).split(", "), strict=True
        ))  # fmt: skip

    def read(self, reply: str, notation: str | Notation) -> NasBench201Cell:
        """The last six of them, in any order."""
        found = dict(re.findall(r"\b([A-F]) (\w+)", reply)[-6:])
        operation = dict(zip(self.notation(notation).spelling, self.operations, strict=True))
        return NasBench201Cell(tuple(operation[found[letter]] for letter in LETTERS))

    def describe(self, notation: str | Notation) -> str:
        """Ω, with the letters."""
        return (
            "A cell has 4 nodes (0 is the input, 3 the output) and one operation on each of its 6 edges "
            f"A 0->1, B 0->2, C 1->2, D 0->3, E 1->3, F 2->3. Operations: {self.explained(self.notation(notation))}."
        )

    def edits(self, arch: NasBench201Cell, notation: str | Notation) -> dict[str, NasBench201Cell]:
        """`C large, not skip`."""
        letter = dict(zip(EDGE_NAMES, LETTERS, strict=True))
        found = super().edits(arch, notation)
        return {f"{letter[text.split()[0]]} {text.partition(' ')[2]}": cell for text, cell in found.items()}

    def reply_grammar(self, notation: str | Notation) -> str:
        """As `show` spells it."""
        words = " | ".join(f'"{word}"' for word in self.notation(notation).spelling)
        return 'root ::= "' + ' word " '.join(f'{letter} "' for letter in LETTERS) + " word\nword ::= " + words


LETTERS = "ABCDEF"
LETTERED = Lettered()
SPELLINGS: dict[str, Notation] = {
    **SPACE.notations,
    "plain edges": Notation("plain", ("none", "skip", "conv1x1", "conv3x3", "pool3x3"), labelled=True),
}
SYSTEM = "<system>\nTask T: {{ task }}.\nSearch space Ω: {{ space }}\n</system>\n"
PLAIN = "Task T: {{ task }}.\nSearch space Ω: {{ space }}\n\n"
CELL = "Cell α: {{ architecture }}\nf(α) = {{ '%.2f'|format(score) }}\n"
ASK = (
    "\nCriticise this cell. Reply in three lines:\nProblem: what in it limits the {{ metric }}, in one short sentence\n"
    "Remedy: what would help and why, in one short sentence\nChange: the single change that does this"
)
C_FORM = ("Problem", "Remedy", "Change")
LOOP = "{% for e in examples %}\n{{ e.architecture }}: {{ '%.2f'|format(e.score) }}\n{% endfor %}\n"
CRITIQUE: dict[str, Format] = {
    "problem, remedy, change": Format(SYSTEM + CELL + ASK, C_FORM),
    "conv3x3 and conv1x1": Format(SYSTEM + CELL + ASK, C_FORM, "plain edges"),
    "letters": Format(SYSTEM + CELL + ASK, C_FORM, letters=True),
    "temperature 1": Format(SYSTEM + CELL + ASK, C_FORM, temperature=1.0),
    "three scored cells beside it": Format(
        SYSTEM + "Cells and their {{ metric }}:\n" + LOOP + "\n" + CELL + ASK, C_FORM
    ),
    "change only": Format(SYSTEM + CELL + "\nWhich single change of this cell should raise the {{ metric }} most?"),
    "continued": Format(PLAIN + CELL + "Critique of this cell, in three lines.\n", C_FORM, chat=False),
}
OBEY = "Optimisation strategy OS:\n{{ strategy }}\n\n"
WHOLE = "Carry out OS. Reply with the whole new cell, all other edges as they are."
ARROW = "{edge} {old} -> {new}"
REFINE: dict[str, Format] = {
    "whole cell, from x to y": Format(
        SYSTEM + CELL + OBEY + WHOLE, temperature=0.3, change="{edge} from {old} to {new}"
    ),
    "whole cell": Format(SYSTEM + CELL + OBEY + WHOLE, temperature=0.3),
    "whole cell, letters": Format(SYSTEM + CELL + OBEY + WHOLE, temperature=0.3, letters=True),
    "whole cell, letters, continued": Format(
        PLAIN + CELL + OBEY + "New cell:", temperature=0.3, letters=True, chat=False
    ),
    "change repeated, then the whole cell, letters": Format(
        SYSTEM + CELL + OBEY + "Carry out OS. Reply with its change, then the new cell.", temperature=0.3, letters=True,
        reply="repeated",
    ),
    "changed edge first, letters": Format(
        SYSTEM + CELL + OBEY + "Carry out OS. Reply with the new cell: the changed edge first, then all other edges as "
        "they are.", temperature=0.3, letters=True, reply="any first",
    ),
    "each edge before -> after, letters": Format(
        SYSTEM + CELL + OBEY + "Carry out OS. Reply with every edge of α, its operation in α and in the new cell.",
        temperature=0.3, letters=True, reply="arrows", change=ARROW,
    ),
    "each edge stays or -> after, letters": Format(
        SYSTEM + CELL + OBEY + "Carry out OS and nothing else. Reply with every edge of α and what becomes of it, such "
        "as: A v stays, B w stays, C x -> y, D v stays, E z stays, F w stays", temperature=0.3, letters=True,
        reply="stays", change=ARROW,
    ),
    "changes": Format(
        SYSTEM + CELL + OBEY + "Carry out OS on α. Reply with what changes; everything else stays as it is.",
        reply="changes",
    ),
    "changes, temperature 0.3": Format(
        SYSTEM + CELL + OBEY + "Carry out OS on α. Reply with what changes; everything else stays as it is.",
        reply="changes", temperature=0.3,
    ),
}  # fmt: skip
E_ASK = (
    "\nWhich pattern do the better cells share that the worse ones lack? Draw one new cell from it, which is not in "
    "the list and should do better. Reply in two lines:\nPattern: in one sentence\nNew cell: all its edges"
)
BEST_FIRST = "{{ examples|length }} good cells α, best first, and their f(α):\n" + LOOP
BEST_LAST = BEST_FIRST.replace("best first", "best last").replace("in examples", "in examples|reverse")
E_FORM = ("Pattern", "New cell")
INSPIRE: dict[str, Format] = {
    "best last": Format(SYSTEM + BEST_LAST + E_ASK, E_FORM),
    "best first": Format(SYSTEM + BEST_FIRST + E_ASK, E_FORM),
    "best last, temperature 1": Format(SYSTEM + BEST_LAST + E_ASK, E_FORM, temperature=1.0),
    "best last, letters": Format(SYSTEM + BEST_LAST + E_ASK, E_FORM, letters=True),
    "best last, no pattern": Format(SYSTEM + BEST_LAST + "\nReply with one new cell that should do better."),
    "best last, continued": Format(
        PLAIN + BEST_LAST + "What the best of them share, in one sentence, and a new cell that does better.\n",
        E_FORM, chat=False,
    ),
}  # fmt: skip
STAGES = {"critique": CRITIQUE, "refine": REFINE, "inspire": INSPIRE}


def score(cell: NasBench201Cell) -> float:
    """True validation accuracy on CIFAR-10 in %."""
    return float(EVALUATOR(cell).score)


def schema_of(asked: Format, answer: ReplySchema) -> ReplySchema:
    """The answer, after the lines that the format asks for."""
    return ReplySchema.reasoned(answer, *asked.form) if asked.form else answer


def edge_by_edge(notation: Notation, one: str) -> str:
    """A grammar of six edges. one: what stands behind an edge's letter."""
    words = " | ".join(f'"{word}"' for word in notation.spelling)
    edges = ' ", " '.join(f'"{letter} " {one}' for letter in LETTERS)
    return f"root ::= {edges}\nword ::= {words}"


def any_first(notation: Notation) -> str:
    """The grammar of a cell in letters: any edge, then the others in their order."""
    orders = [[first, *(letter for letter in LETTERS if letter != first)] for first in LETTERS]
    roots = ['"' + ' word " '.join(f'{letter} "' for letter in order) + " word" for order in orders]
    return f"root ::= {' | '.join(roots)}\nword ::= " + " | ".join(f'"{word}"' for word in notation.spelling)


REPLIES: dict[str, Callable[[Notation], str]] = {
    "repeated": lambda n: (
        'root ::= "Change: " [A-F] " " word "\\nNew cell: " cell\ncell' + LETTERED.reply_grammar(n).removeprefix("root")
    ),
    "any first": any_first,
    "arrows": lambda n: edge_by_edge(n, 'word " -> " word'),
    "stays": lambda n: edge_by_edge(n, 'word (" stays" | " -> " word)'),
}
"""Grammars of D's replies that no space has."""


class Asker:
    """A local model with one thread."""

    def __init__(self, name: str):
        self._server = LocalLLM(name, LocalModel(name, context=4096, threads=1))._server

    def __call__(self, messages: list[dict[str, str]], schema: ReplySchema, asked: Format, seed: CallSeed) -> Any:
        """(reply, prompt tokens, reply tokens)."""
        request = {
            "grammar": after_space(schema.grammar) if asked.chat else schema.grammar,
            "temperature": asked.temperature, "seed": int(seed), "max_tokens": 200, "cache_prompt": True,
        }  # fmt: skip
        if asked.chat:
            answer = self._server.handle_chat_completions(request | {"messages": messages})
            if "choices" not in answer:
                raise SystemExit(str(answer))
            text = answer["choices"][0]["message"]["content"]
        else:
            prompt = "\n\n".join(message["content"] for message in messages)
            answer = self._server.handle_completions(request | {"prompt": prompt})
            text = answer["choices"][0]["text"]
        return text.strip(), answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]


def parents(count: int) -> list[NasBench201Cell]:
    """Random cells of this script alone."""
    rng = Random("reasoned prompts")
    return [SPACE.random(rng) for _ in range(count)]


def histories(count: int) -> list[tuple[set[NasBench201Cell], list[NasBench201Cell]]]:
    """The classes of 36 random cells, and 8 of the best 16 of them, best first: what E sees at its start."""
    found = []
    for context in range(count):
        rng, cells = Random(f"reasoned prompts {context}"), {}
        while len(cells) < 36:
            cell = SPACE.random(rng)
            cells.setdefault(SPACE.canonical(cell), cell)
        known = sorted(cells.values(), key=score, reverse=True)
        found.append((set(cells), [known[j] for j in sorted(rng.sample(range(16), 8))]))
    return found


def notation_of(asked: Format, context: int, permute: bool) -> Notation:
    notation = SPELLINGS[asked.notation]
    return notation.permuted(Random(context)) if permute else notation


def fill(asked: Format, notation: Notation, **values: Any) -> list[dict[str, str]]:
    """A format's messages. The stage is the one that knows these values."""
    values |= {"task": EVALUATOR.task, "space": asked.space.describe(notation)}
    if "strategy" in values:
        return Prompts.load("full", refine=asked.template).refine(**values)
    if "architecture" not in values:
        return Prompts.load("full", inspire=asked.template).inspire(**values)
    shown = "".join(f"{e.architecture}: {e.score:.2f}\n" for e in values.pop("examples"))
    return Prompts.load("full", critique=asked.template.replace(LOOP, shown)).critique(**values)


class Tally:
    """What the replies of one format were like."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def add(self, **values: float) -> None:
        """One reply."""
        self.rows.append(values)

    def means(self) -> dict[str, float]:
        """The mean of each measure."""
        return {key: statistics.fmean(float(row[key]) for row in self.rows) for key in self.rows[0]}


def distance(a: NasBench201Cell, b: NasBench201Cell) -> int:
    return sum(x != y for x, y in zip(a.edges, b.edges, strict=True))


def screen_critique(ask: Asker, asked: Format, permute: bool, count: int, note: Any) -> Tally:
    """Parents, 2 replies each; the change that is named is applied here."""
    tally = Tally()
    for context, parent in enumerate(parents(count)):
        notation, rng = notation_of(asked, context, permute), Random(context)
        edits = asked.space.edits(parent, notation)
        others = sorted([rng.choice(list(edits.values())), *(SPACE.random(rng) for _ in range(2))], key=score)
        examples = [Example(asked.space.show(cell, notation), score(cell)) for cell in others]
        messages = fill(
            asked, notation, architecture=asked.space.show(parent, notation), score=score(parent), examples=examples,
            edits=list(edits),
        )  # fmt: skip
        schema = schema_of(asked, ReplySchema.one_of(list(edits)))
        for attempt in range(2):
            reply, sent, got = ask(messages, schema, asked, CallSeed(context, 0, "critique", attempt))
            note(context, reply)
            child = edits[schema.choice(reply) or ""]
            tally.add(better=score(child) > score(parent), mean=score(child), prompt_tokens=sent, reply_tokens=got)
    return tally


def strategies(parent: NasBench201Cell, notation: Notation, rng: Random, asked: Format) -> tuple[str, NasBench201Cell]:
    """A strategy in words as a critique gives it, about a random single change, and the cell that carries it out."""
    child = rng.choice(list(SPACE.neighbors(parent)))
    edge = next(e for e in range(6) if child.edges[e] != parent.edges[e])
    old, new = (notation.spelling[SPACE.operations.index(cell.edges[edge])] for cell in (parent, child))
    name = LETTERS[edge] if asked.letters else EDGE_NAMES[edge]
    return (
        f"Problem: The {old} operation on {name} limits what reaches the output.\n"
        f"Remedy: A {new} operation there lets the cell use its other edges better.\n"
        f"Change: {asked.change.format(edge=name, old=old, new=new)}"
    ), child


def refined(parent: NasBench201Cell, reply: str, notation: Notation, asked: Format) -> NasBench201Cell:
    """The cell of a reply to D."""
    if asked.reply == "changes":
        return asked.space.changed(parent, reply, notation)
    if asked.reply in ("arrows", "stays"):
        reply = re.sub(r"(\w+) stays", r"\1", re.sub(r"\w+ -> (\w+)", r"\1", reply))
    return asked.space.read(reply, notation)


def screen_refine(ask: Asker, asked: Format, permute: bool, count: int, note: Any) -> Tally:
    """Parents, 2 random strategies each, the same for all formats."""
    tally = Tally()
    for context, parent in enumerate(parents(count)):
        notation, rng = notation_of(asked, context, permute), Random(context)
        schema = asked.space.reply_schema(notation)
        if asked.reply == "changes":
            schema = asked.space.change_schema(parent, notation)
        elif asked.reply != "cell":
            schema = ReplySchema(dict(schema), REPLIES[asked.reply](notation), schema.draw)
        for attempt in range(2):
            strategy, target = strategies(parent, notation, rng, asked)
            shown = asked.space.show(parent, notation)
            messages = fill(asked, notation, architecture=shown, score=score(parent), strategy=strategy)
            reply, sent, got = ask(messages, schema, asked, CallSeed(context, 0, "refine", attempt))
            note(context, f"{strategy}\n=> {reply}")
            child = refined(parent, reply, notation, asked)
            edge = next(e for e in range(6) if target.edges[e] != parent.edges[e])
            tally.add(
                better=score(child) > score(parent), mean=score(child), obeyed=child.edges[edge] == target.edges[edge],
                edges_changed=distance(child, parent), prompt_tokens=sent, reply_tokens=got,
            )  # fmt: skip
    return tally


def screen_inspire(ask: Asker, asked: Format, permute: bool, count: int, note: Any) -> Tally:
    """Histories of random cells, 3 proposals each; better: new, and above the best cell shown."""
    tally = Tally()
    for context, (known, shown) in enumerate(histories(count)):
        notation = notation_of(asked, context, permute)
        examples = [Example(asked.space.show(cell, notation), score(cell)) for cell in shown]
        messages = fill(asked, notation, examples=examples)
        schema, seen = schema_of(asked, asked.space.reply_schema(notation)), set(known)
        for attempt in range(3):
            reply, sent, got = ask(messages, schema, asked, CallSeed(context, 0, "inspire", attempt))
            note(context, reply)
            cell = asked.space.read(reply, notation)
            new = SPACE.canonical(cell) not in seen
            seen.add(SPACE.canonical(cell))
            tally.add(
                better=new and score(cell) > score(shown[0]), mean=score(cell), new=new,
                edges_changed=min(distance(cell, other) for other in shown), prompt_tokens=sent, reply_tokens=got,
            )  # fmt: skip
    return tally


SCREENS = {"critique": screen_critique, "refine": screen_refine, "inspire": screen_inspire}


def screen(stage: str, model: str, names: list[str], permute: bool, count: int) -> None:
    """One row a format."""
    ask = Asker(model)
    for name in names:
        asked, started = STAGES[stage][name], time.process_time()
        key = {"stage": stage, "model": model, "format": name, "words": "permuted" if permute else "own"}

        def note(context: int, reply: str, key: dict[str, str] = key) -> None:
            with (RESULTS / "reasoned_prompts_replies.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps({**key, "context": context, "reply": reply}, ensure_ascii=False) + "\n")

        tally = SCREENS[stage](ask, asked, permute, count, note)
        seconds = (time.process_time() - started) / len(tally.rows)
        write(key | {"replies": len(tally.rows), "seconds": seconds, **tally.means()})


def chance(count: int) -> None:
    """The draws without a model on the histories of E: 200 a history, one at a time."""
    draws = {
        "each edge from the best cell shown (2/3), else from any shown": lambda rng, shown: NasBench201Cell(tuple(
            (shown[0] if rng.random() < 2 / 3 else rng.choice(shown)).edges[e] for e in range(6)
        )),
        "one random change of the best cell shown": lambda rng, shown: rng.choice(SPACE.neighbors(shown[0])),
    }  # fmt: skip
    for name, draw in draws.items():
        tally = Tally()
        for context, (known, shown) in enumerate(histories(count)):
            rng = Random(context)
            for _ in range(200):
                cell = draw(rng, shown)
                new = SPACE.canonical(cell) not in known
                tally.add(better=new and score(cell) > score(shown[0]), mean=score(cell), new=new)
        write({"stage": "inspire", "model": "none", "format": name, "replies": len(tally.rows), **tally.means()})
    changes = [(score(c), score(p)) for p in parents(count) for c in SPACE.neighbors(p)]
    write({
        "stage": "critique", "model": "none", "format": "any single change", "replies": len(changes),
        "better": statistics.fmean(c > p for c, p in changes), "mean": statistics.fmean(c for c, _ in changes),
    })  # fmt: skip


def write(row: dict[str, Any]) -> None:
    """Append one row and print it."""
    path = RESULTS / "reasoned_prompts.csv"
    row = {key: f"{value:.3f}" if isinstance(value, float) else value for key, value in row.items()}
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if file.tell() == 0:
            writer.writeheader()
        writer.writerow(row)
    print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=(*STAGES, "chance"))
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--format", action="append", help="one or several; all of the stage if left out")
    parser.add_argument("--permute", action="store_true", help="shuffle what the words mean, by the parent or history")
    parser.add_argument("--parents", type=int, default=10, help="parents, or histories of E")
    asked = parser.parse_args()
    if asked.stage == "chance":
        chance(asked.parents)
    else:
        screen(asked.stage, asked.model, asked.format or list(STAGES[asked.stage]), asked.permute, asked.parents)


if __name__ == "__main__":
    main()
