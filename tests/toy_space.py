"""A whole search space in one file, for docs/add_a_space.md: four layers in a row, each narrow, middle or wide."""

from dataclasses import dataclass
from typing import ClassVar

from seki_lib.evaluators.base import Evaluation, Evaluator
from seki_lib.files.errors import InvalidArchitecture
from seki_lib.files.source import DataSource
from seki_lib.spaces.base import Notation, SearchSpace, gbnf_literal, record
from seki_lib.spaces.reading import Form

WIDTHS, LAYERS = ("narrow", "middle", "wide"), ("layer 1", "layer 2", "layer 3", "layer 4")


@dataclass(frozen=True)
class Chain:
    """The widths of four layers."""

    widths: tuple[str, ...]

    def __post_init__(self):
        if len(self.widths) != len(LAYERS) or not set(self.widths) <= set(WIDTHS):
            raise InvalidArchitecture(f"chain: four of {', '.join(WIDTHS)} expected, not {self.widths}")


class ChainSpace(SearchSpace[Chain]):
    """81 chains. Their text is `narrow-wide-wide-middle`."""

    name, size, operations = "chain", 3**4, WIDTHS
    notations: ClassVar = {"names": Notation("names", WIDTHS), "words": Notation("words", ("thin", "mid", "fat"))}
    form = Form(labels=LAYERS, label=lambda named: None, called="{}")  # a reply names widths in their order
    field_text = r"\b(?:narrow|middle|wide)(?:-(?:narrow|middle|wide)){3}\b"

    def parse(self, text):
        return Chain(tuple(text.strip().split("-")))

    def format(self, arch):
        return "-".join(arch.widths)

    def random(self, rng):
        return Chain(tuple(WIDTHS[int(rng.random() * 3)] for _ in LAYERS))

    def neighbors(self, arch):
        return list(self.edits(arch, "names").values())

    def canonical(self, arch):
        return arch  # no two chains compute the same function

    def describe(self, notation):
        return f"A network is four layers in a row, each one of: {', '.join(self.notation(notation).spelling)}."

    def show(self, arch, notation):
        n = self.notation(notation)
        return " ".join(n.spelling[WIDTHS.index(width)] for width in arch.widths)

    def built(self, cells):
        return Chain(tuple(named.operation for named in cells[0].named))

    def edits(self, arch, notation):
        word_of = dict(zip(WIDTHS, self.notation(notation).spelling, strict=True))
        cells = [(i, new, Chain((*arch.widths[:i], new, *arch.widths[i + 1 :]))) for i in range(4) for new in WIDTHS]
        return {
            f"layer {i + 1} from {word_of[arch.widths[i]]} to {word_of[new]}": cell
            for i, new, cell in cells
            if cell != arch
        }

    def reply_properties(self, notation):
        words = {"type": "string", "enum": list(notation.spelling)}
        return record(dict.fromkeys(LAYERS, words))

    def reply_grammar(self, notation):
        word = " | ".join(map(gbnf_literal, self.notation(notation).spelling))
        return f'root ::= word " " word " " word " " word\nword ::= {word}'


class Toy(Evaluator):
    """The score is made up: wide layers help, and late ones help most."""

    task, source = "a toy (higher is better)", DataSource("toy", "a toy", "none", "")

    def __call__(self, arch):
        score = float(sum(WIDTHS.index(width) * (i + 1) for i, width in enumerate(arch.widths)))
        return Evaluation(score, {"toy": score}, 0.0)
