"""A whole search space in one file, for docs/add_a_space.md: four layers in a row, each narrow, middle or wide."""

from dataclasses import dataclass

from seki_lib.evaluators.base import Evaluation, Evaluator
from seki_lib.files.errors import InvalidArchitecture
from seki_lib.files.source import DataSource
from seki_lib.spaces.base import SearchSpace, below, choice_of
from seki_lib.spaces.form import Form

GLOSSARY = {"narrow": ("thin", "8 channels"), "middle": ("mid", "16 channels"), "wide": ("fat", "32 channels")}
WIDTHS, LAYERS = tuple(GLOSSARY), ("layer 1", "layer 2", "layer 3", "layer 4")


@dataclass(frozen=True)
class Chain:
    """The widths of four layers."""

    widths: tuple[str, ...]

    def __post_init__(self):
        if len(self.widths) != len(LAYERS) or not set(self.widths) <= set(WIDTHS):
            raise InvalidArchitecture(f"chain: four of {', '.join(WIDTHS)} expected, not {self.widths}")


class ChainSpace(SearchSpace[Chain]):
    """81 chains. Their text is `narrow-wide-wide-middle`."""

    name, size, architecture, glossary = "chain", 3**4, Chain, GLOSSARY
    form = Form(labels=LAYERS, label=lambda named: None, called="{}")  # a reply names widths in their order
    field_text = r"\b(?:narrow|middle|wide)(?:-(?:narrow|middle|wide)){3}\b"

    def parse(self, text):
        return Chain(tuple(text.strip().split("-")))

    def format(self, arch):
        return "-".join(arch.widths)

    def random(self, rng):
        return Chain(tuple(WIDTHS[below(rng, 3)] for _ in LAYERS))

    def canonical(self, arch):
        return arch  # no two chains compute the same function

    def describe(self, notation):
        return f"A network is four layers in a row, each one of: {self.explained(self.notation(notation))}."

    def show(self, arch, notation):
        n = self.notation(notation)
        return " ".join(n.spelling[WIDTHS.index(width)] for width in arch.widths)

    def built(self, cells):
        return Chain(tuple(named.operation for named in cells[0].named))

    def edits(self, arch, notation):
        word_of = dict(zip(WIDTHS, self.notation(notation).spelling, strict=True))
        return {
            f"layer {i + 1} from {word_of[old]} to {word_of[new]}": Chain(
                (*arch.widths[:i], new, *arch.widths[i + 1 :])
            )
            for i, old in enumerate(arch.widths)
            for new in WIDTHS
            if new != old
        }

    def reply_fields(self, word):
        return dict.fromkeys(LAYERS, word)

    def reply_grammar(self, notation):
        return f'root ::= word " " word " " word " " word\nword ::= {choice_of(self.notation(notation).spelling)}'


class Toy(Evaluator):
    """The score is made up: wide layers help, and late ones help most."""

    task, source = "a toy (higher is better)", DataSource("toy", "a toy", "none", "")

    def __call__(self, arch):
        score = float(sum(WIDTHS.index(width) * (i + 1) for i, width in enumerate(arch.widths)))
        return Evaluation(score, {"toy": score}, 0.0)
