"""NAS-Bench-201 as a control shows it to an LLM: other words for its operations, other numbers for its nodes' edges.

    space = Presented(Random(0), symbols=True)
    space.show(cell, "words")              # "C A A E B C": what the letters stand for is drawn, and said nowhere
    Presented(Random(0), edges=True)       # a cell is shown with its six operations in another order

The cells, their classes and their values stay what they are: only `show`, `read`, `describe` and the words of single
changes differ. The order in which a prompt lists the operations is drawn too.
"""

from collections.abc import Callable
from random import Random

from ..base import Notation, RandomSource, choice_of, nothing_known
from ..six_edges import EDGE_NAMES, EDGES
from . import NasBench201, NasBench201Cell

LETTERS = "ABCDE"
FIELD = "|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|"
"""The text of the field, an operation a place."""


class Presented(NasBench201):
    """The space behind other names, which rng draws.

    symbols: letters for operations; edges: operations trade places; meanings: whether prompts explain the words.
    """

    field_text = "(?!)"  # the benchmark's own text would be read by its own names

    def __init__(self, rng: Random, *, symbols: bool = False, edges: bool = False, meanings: bool = True):
        self.listed = rng.sample(range(len(self.operations)), len(self.operations))
        self._shown: dict[tuple[str, Notation], NasBench201Cell] = {}
        self.meanings = meanings and not symbols
        self.place = rng.sample(range(len(EDGES)), len(EDGES)) if edges else list(range(len(EDGES)))
        if symbols:  # the first letter is that of the operation that is listed first
            spelling = tuple(LETTERS[self.listed.index(i)] for i in range(len(self.operations)))
            self.notations = {
                name: Notation(f"{name}-symbols", spelling, own.labelled) for name, own in self.notations.items()
            }

    def _moved(self, arch: NasBench201Cell) -> NasBench201Cell:
        """The cell as it is shown: what stands on edge i stands there in place `place[i]`."""
        return NasBench201Cell(tuple(arch.edges[self.place.index(i)] for i in range(len(EDGES))))

    def _back(self, shown: NasBench201Cell) -> NasBench201Cell:
        return NasBench201Cell(tuple(shown.edges[place] for place in self.place))

    def explained(self, notation: Notation) -> str:
        """Every operation, in the drawn order, with its meaning where it is told."""
        meanings = [meaning for _, meaning in self.glossary.values()]
        named = [(notation.spelling[i], f" ({meanings[i]})" if self.meanings else "") for i in self.listed]
        return ", ".join(word + meaning for word, meaning in named)

    def show(self, arch: NasBench201Cell, notation: str | Notation) -> str:
        """Spelled in the form of the field for an LLM that is asked in names, else as words, beside edges or alone."""
        n = self.notation(notation)
        words = [n.spelling[self.operations.index(operation)] for operation in self._moved(arch).edges]
        if n.labelled:
            text = ", ".join(f"{edge} {word}" for edge, word in zip(EDGE_NAMES, words, strict=True))
        else:
            text = FIELD.format(*words) if n.name.startswith("names") else " ".join(words)
        self._shown[text, n] = arch
        return text

    def read(
        self, reply: str, notation: str | Notation, is_known: Callable[[NasBench201Cell], bool] = nothing_known
    ) -> NasBench201Cell:
        shown = self._shown.get((reply, self.notation(notation)))  # chance reads what was shown a thousand times
        return shown or self._back(super().read(reply, notation, lambda cell: is_known(self._back(cell))))

    def edits(self, arch: NasBench201Cell, notation: str | Notation) -> dict[str, NasBench201Cell]:
        return {text: self._back(cell) for text, cell in super().edits(self._moved(arch), notation).items()}

    def random(self, rng: RandomSource) -> NasBench201Cell:
        return self._back(super().random(rng))

    def reply_grammar(self, notation: str | Notation) -> str:
        n = self.notation(notation)
        if not n.name.startswith("names"):
            return super().reply_grammar(n)
        parts = FIELD.split("{}")
        spaced = " word ".join(f'"{part}"' for part in parts)
        return f"root ::= {spaced}\nword ::= {choice_of(n.spelling)}"
