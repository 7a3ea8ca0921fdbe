"""What may be searched. A space knows its architectures as values and as text, and nothing of LLMs or scores."""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from random import Random
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar

from ..files.errors import InvalidArchitecture, look_up
from .form import Form, Run, clip
from .reading import LONGEST_READ, last, nothing_known, plain, simple

__all__ = [
    "LONGEST_READ",
    "Architecture",
    "InvalidArchitecture",
    "Notation",
    "RandomSource",
    "ReplySchema",
    "SearchSpace",
    "nothing_known",
]


class RandomSource(Protocol):
    """`random.Random` and `numpy.random.Generator` alike."""

    def random(self) -> float:
        """A float in [0, 1)."""


Architecture = TypeVar("Architecture")
Draw = Callable[[Random, Sequence[str]], str]


@dataclass(frozen=True)
class Notation:
    """How a prompt spells the operations of a space: one text per operation, in the space's order.

    Large models do well with the field's own `names`. A small model does far better with `words` that are one
    token each (docs/embedded_llm.md); one in between names the `edges` beside them (docs/llms.md).
    """

    name: str
    spelling: tuple[str, ...]
    labelled: bool = False  # each operation stands beside its edge, where the space's text in words would leave it out

    def permuted(self, rng: RandomSource) -> "Notation":
        """The same texts with their meanings shuffled: the control for what the words themselves suggest."""
        left, shuffled = list(self.spelling), []
        while left:
            shuffled.append(left.pop(below(rng, len(left))))
        return Notation(f"{self.name}-permuted", tuple(shuffled), self.labelled)


class ReplySchema(dict[str, Any]):
    """JSON Schema of a reply (it is a plain dict), with the same set of replies as a GBNF grammar for llama.cpp.

    The grammar's text is part of what identifies a recorded call (`Question.key`). A provider may give its
    decoder another wording of it.
    draw(rng, shown): a reply by chance, for a search without an LLM. Where cells are shown, as texts, each of its parts
    is that of a random one of them; else all replies are equally likely.
    """

    def __init__(self, schema: dict[str, Any], grammar: str, draw: Draw):
        super().__init__(schema)
        self.grammar = grammar
        self.draw = draw
        self.called = ""  # how the answer's line begins, where it has one
        self.choices: Sequence[str] = schema.get("enum", ())

    @classmethod
    def one_of(cls, choices: Sequence[str]) -> "ReplySchema":
        """The reply is one of these texts, word for word."""
        if not choices:
            raise ValueError("a choice needs at least one text")
        schema, grammar = {"type": "string", "enum": list(choices)}, f"root ::= {choice_of(choices)}"
        return cls(schema, grammar, lambda rng, shown: rng.choice(choices))

    @classmethod
    def reasoned(cls, answer: "ReplySchema", *lines: str) -> "ReplySchema":
        """The answer on the last of these lines, and a sentence in free words on each line before it.

        lines: how they begin. The grammar holds nothing but this form and the length of a sentence.
        """
        *sentences, called = lines
        before = "".join(f'"{line}: " sentence "\\n" ' for line in sentences)
        grammar = f'root ::= {before}"{called}: " answer\n{SENTENCE}\nanswer{answer.grammar.removeprefix("root")}'
        fields = {line: {"type": "string"} for line in sentences} | {called: dict(answer)}
        schema = cls(record(fields), grammar, lambda rng, shown: f"{called}: {answer.draw(rng, shown)}")
        schema.called, schema.choices = called, answer.choices
        return schema

    def choice(self, reply: str) -> str | None:
        """The choice that a reply names last, or None. Where the form has a line for it, only such lines count.

        None for a numbered list of several: which of them is meant is not for us to say.
        """
        line = rf"(?:^|[\n{{,])[^\w\n]{{0,9}}{self.called}\b[^\w\n]{{0,9}}[:=\n]\W*(.*?)(?:\n|\"\s*[,}}]|$)"
        answers = re.findall(line, plain(reply), re.IGNORECASE) if self.called else []
        for text in (*reversed(answers), reply):
            if named := self.named(text):
                return named[-1]
        return None

    def named(self, reply: str) -> list[str]:
        """All choices that a reply names, the longest of those that begin alike. Thoughts name none."""
        if reply in self.choices:
            return [reply]
        text = simple(reply)
        found = list(self._found(text))
        meant = [one for one in found if not _SUPPOSED.match(text, one[1])] or found
        listed = {choice for start, _, choice in meant if _NUMBERED.search(text[max(0, start - 8) : start])}
        return [] if len(listed) > 1 else [choice for _, _, choice in meant]

    def named_last(self, reply: str) -> list[str]:
        """The choices that a reply names last: each stands beside the one before it, or both begin a line."""
        if reply in self.choices:
            return [reply]
        text = "\n".join(simple(line) for line in plain(reply).split("\n"))
        last: list[str] = []
        end, began = 0, False
        for start, stop, choice in self._found(text):
            if _SUPPOSED.match(text, stop):
                continue
            begins = re.fullmatch(_BESIDE_CHOICES, text[text.rfind("\n", 0, start) + 1 : start]) is not None
            if not (begins and began) and not re.fullmatch(_BESIDE_CHOICES, text[end:start]):
                last = []
            last.append(choice)
            end, began = stop, begins
        return last

    def _found(self, text: str) -> Iterator[tuple[int, int, str]]:
        """(start, end, choice) of all that a simple text names and does not reject.

        See `_words` for what may part its words.
        """
        choices = {_words(simple(choice)): choice for choice in self.choices}
        spelled = (r"[\s:#(,]{1,3}".join(map(re.escape, words)) for words in choices)
        pattern = "|".join(sorted(spelled, key=len, reverse=True))
        for match in re.finditer(rf"(?<!\w)(?:{pattern})(?!\w)", text) if choices else ():
            before = text[max(0, match.start() - 40) : match.start()]
            if not _NEGATED.search(before) and not _BLAMED.match(text, match.end()):
                yield *match.span(), choices[_words(match[0])]


_NEGATED = re.compile(  # what stands before a choice that is not made
    r"(?:\bnot|n't|\bnever|\bavoid|\binstead of|\bthan|\bover|\breject(?:ed)?|\bexcept|"
    r"\bbut no|\balternatives?|\bsecond(?: best)?'?:|\bworst)"
    r"\W{1,8}(?:(?:change|choose|use|take|make|pick|do|apply|the)\W{1,3}){0,2}$"
)
_SUPPOSED = re.compile(r"\W{0,3}(?:would|could|might|may)\b")  # what stands behind one that is only thought of
_BLAMED = re.compile(r"\W{0,3}(?:is|seems|looks) (?:a )?(?:bad|poor|wrong|worse|risky)\b")
_NUMBERED = re.compile(r"(?:^|\s)[1-9][.)]\W{0,4}$|\b(?:option|candidate|choice)\W{0,2}(?:[1-9a-c]\W{0,2})?: ?$")
_BESIDE_CHOICES = (
    r"(?>\([^()]{0,80}\)|[\W\d]|"
    r"\b(?:and|then|change|changes|edge|also|plus|both|as well as|first|second|third|finally)\b)*+"
)


def _words(text: str) -> tuple[str, ...]:
    """The words of a choice, without what replies put between them: a colon, a comma, a number sign, a bracket."""
    return tuple(word for word in re.split(r"[\s:#(,]+", text) if word)


MOST_CHANGES = 3  # that a strategy is carried out by
SENTENCE = 'sentence ::= [A-Z] ([^\\n.] | "." [0-9]){10,100} "."'
"""GBNF of one sentence; a point before a digit ends none."""


def record(properties: dict[str, Any]) -> dict[str, Any]:
    """JSON Schema of an object with all of these properties and no other."""
    required = list(properties)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def grouped(choices: Sequence[str]) -> str:
    """A grammar of these texts, put together by what stands before their last words.

    llama.cpp tries every alternative at every token: of a DARTS cell's 120 single changes 16 are left to try.
    """
    last_words: dict[str, list[str]] = {}
    for choice in choices:
        before, space, word = choice.rpartition(" ")
        last_words.setdefault(json.dumps(before + space), []).append(json.dumps(word))  # JSON's strings are GBNF's too
    return "root ::= " + " | ".join(f"{before} ({' | '.join(words)})" for before, words in last_words.items())


def choice_of(texts: Iterable[str]) -> str:
    """GBNF of a choice between texts."""
    escapes = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
    return " | ".join(f'"{text.translate(escapes)}"' for text in texts)


def below(rng: RandomSource, n: int) -> int:
    """One of 0 to n - 1."""
    return int(rng.random() * n)


class SearchSpace(ABC, Generic[Architecture]):
    """A finite set of architectures. `parse(format(a)) == a` for each of them."""

    name: str
    size: int
    glossary: dict[str, tuple[str, str]]  # operation by the field's name -> its word of one token, what it is
    architecture: type[Architecture]  # the class of its values

    # Its record: what other rooms ask in place of its name.
    task: str = "cifar10"  # that it is searched for unless another one is named
    dataset: str = "cifar10"  # that supernets and final trainings of it read unless another one is named
    evaluator: str = "tabular"  # kind that scores its cells, a key of seki_lib.evaluators.EVALUATORS
    trainer: str = "classifier"  # module of seki_lib.training that trains a cell from scratch
    supernets: tuple[str, ...] = ()  # kinds of supernet that can be built of it, the usual one first
    supernet_trainer: str = "supernet"  # module of seki_lib.training that trains them
    stems: tuple[str, ...] = ("cifar",)  # that its networks have; "imagenet": they take photographs too
    auxiliary: bool = False  # whether its networks can have an auxiliary head
    public_genotypes: Mapping[str, str] = MappingProxyType({})  # cells of the literature that have a name
    paper_sizes: Mapping[str, dict[str, Any]] = MappingProxyType({})  # stem -> `nn.count`'s sizes in the paper's tables
    starts: Mapping[str, Any] = MappingProxyType({})  # cells by name that a search may start from

    form: Form  # of its architectures in a reply
    field_text = "(?!)"  # matches a text of the field that `form` does not describe: by default none

    @cached_property
    def operations(self) -> tuple[str, ...]:
        """The field's names of all operations."""
        return tuple(self.glossary)

    @cached_property
    def notations(self) -> dict[str, Notation]:
        """How prompts may spell them."""
        words = tuple(word for word, _ in self.glossary.values())
        edges = Notation("edges", words, labelled=True)
        return {"names": Notation("names", self.operations), "words": Notation("words", words), "edges": edges}

    def notation(self, notation: str | Notation) -> Notation:
        """A notation by name; a Notation is handed back as it is. Raises UnknownName."""
        if isinstance(notation, Notation):
            return notation
        return look_up(f"notation of {self.name}", self.notations, notation)

    @abstractmethod
    def parse(self, text: str) -> Architecture:
        """The architecture of a canonical text of the field. Raises InvalidArchitecture naming edge and reason."""

    @abstractmethod
    def format(self, arch: Architecture) -> str:
        """The canonical text of the field."""

    def require(self, arch: Architecture) -> Architecture:
        """The architecture itself if it is one of this space. Raises InvalidArchitecture."""
        if not isinstance(arch, self.architecture):
            raise InvalidArchitecture(
                f"{self.name}: a {self.architecture.__name__} is expected, as `parse` gives it, not {clip(arch)}"
            )
        return arch

    @abstractmethod
    def random(self, rng: RandomSource) -> Architecture:
        """One architecture, uniform over the space."""

    def mixed(self, cells: Sequence[Architecture], rng: Random) -> Architecture:
        """An architecture whose every part is that of a random one of these; here the only part is the whole."""
        return rng.choice(cells)

    def neighbors(self, arch: Architecture) -> Sequence[Architecture]:
        """All architectures one change away, in a fixed order."""
        return list(self.edits(arch, "names").values())

    @abstractmethod
    def canonical(self, arch: Architecture) -> Architecture:
        """The representative of all architectures that compute the same function as this one."""

    @abstractmethod
    def describe(self, notation: str | Notation) -> str:
        """Ω for a prompt: what an architecture is and how this notation spells it."""

    @abstractmethod
    def show(self, arch: Architecture, notation: str | Notation) -> str:
        """The architecture as a prompt spells it; `read(show(a, n), n) == a`."""

    def read(
        self, reply: str, notation: str | Notation, is_known: Callable[[Architecture], bool] = nothing_known
    ) -> Architecture:
        """The last complete architecture in an LLM's reply, in whatever form it is spelled; thoughts hold none.

        is_known: of several architectures the last one that is not known counts, since replies quote what they were
        shown. Raises InvalidArchitecture saying what the last attempt lacks.
        """
        words = dict(zip(self.operations, self.operations, strict=True))
        words |= dict(zip(self.notation(notation).spelling, self.operations, strict=True))
        return last(self.name, reply, self.form, words, self.built, self.parse, self.field_text, is_known)

    @abstractmethod
    def built(self, cells: list[Run]) -> Architecture:
        """The architecture of cells that were found complete in a reply. Raises InvalidArchitecture."""

    def changed(
        self,
        arch: Architecture,
        reply: str,
        notation: str | Notation,
        is_known: Callable[[Architecture], bool] = nothing_known,
    ) -> Architecture:
        """The architecture after the single changes that a reply names last, one after another; or the whole one in it.

        is_known: as for `read`. Raises InvalidArchitecture where it names neither.
        """
        found = ReplySchema.one_of(list(self.edits(arch, notation))).named_last(reply)
        if not found:
            return self.read(reply, notation, is_known)
        for change in found:
            edits = self.edits(arch, notation)
            if change not in edits:
                raise InvalidArchitecture(f"{self.name}: {change!r} does not fit the changes before it")
            arch = edits[change]
        return arch

    def change_schema(self, arch: Architecture, notation: str | Notation) -> ReplySchema:
        """A reply that names single changes of an architecture, one to MOST_CHANGES, that make it another one."""
        edits = list(self.edits(arch, notation))
        schema = {"type": "array", "items": {"type": "string", "enum": edits}, "minItems": 1, "maxItems": MOST_CHANGES}
        more = f'("; " change){{0,{MOST_CHANGES - 1}}}'
        grammar = f"root ::= change {more}\nchange{grouped(edits).removeprefix('root')}"
        return ReplySchema(schema, grammar, lambda rng, shown: rng.choice(edits))

    @abstractmethod
    def edits(self, arch: Architecture, notation: str | Notation) -> dict[str, Architecture]:
        """Every neighbour, keyed by the words for the one change that leads to it."""

    def explained(self, notation: Notation) -> str:
        """Every operation as the notation spells it, with its meaning."""
        meanings = (meaning for _, meaning in self.glossary.values())
        return ", ".join(f"{word} ({meaning})" for word, meaning in zip(notation.spelling, meanings, strict=True))

    def reply_schema(self, notation: str | Notation) -> ReplySchema:
        """JSON Schema of a reply that holds one architecture; its `.grammar` is `reply_grammar(notation)`."""
        n = self.notation(notation)
        word = {"type": "string", "enum": list(n.spelling)}

        def draw(rng: Random, shown: Sequence[str]) -> str:
            cells = [_read_again(self, text, n) for text in shown]
            return self.show(self.mixed(cells, rng) if cells else self.random(rng), n)

        return ReplySchema(record(self.reply_fields(word)), self.reply_grammar(n), draw)

    @abstractmethod
    def reply_fields(self, word: dict[str, Any]) -> dict[str, Any]:
        """The properties of such a reply. word: JSON Schema of an operation."""

    @abstractmethod
    def reply_grammar(self, notation: str | Notation) -> str:
        """Compact GBNF of such a reply for llama.cpp: the bare text of `show`, no white space to pay for."""


@lru_cache(4096)
def _read_again(space: SearchSpace[Any], text: str, notation: Notation) -> Any:
    """A cell of a prompt: the same one is shown in many rounds."""
    return space.read(text, notation)
