"""From a question to an architecture: the ladder of docs/fidelity.md. Each step is a function.

1. Ask, under constrained decoding where the provider has it, and read the reply.
2. `repair`: a reply that cannot be read is asked for again, with what is wrong with it.
3. `resample`: a cell that is known is asked for again, as often as `samples` says.
4. `choose_one_change`: the known cell is shown by the critique prompt, and the LLM picks one single change of it. In
   transcripts this stage is "edit".
5. `fall_back`: a random neighbour of the parent. No LLM chose that cell, and too many such rounds end the search.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..files.errors import InvalidArchitecture, LLMError
from ..llm.base import Question
from ..spaces.base import ReplySchema
from . import questions
from .repository import Record
from .state import Exchange, Search

LONGEST_QUOTE = 4000  # characters of an unreadable reply that are shown to the LLM again
IN_A_ROW, SHARE = 3, 1 / 3  # fallbacks that end a search: so many after each other, or a larger share of its rounds
ALLOW = "ALLOW_FALLBACKS"  # the environment variable that lets such a search go on


class FallbackError(LLMError):
    """Too many rounds were answered by chance in place of the LLM."""


@dataclass(frozen=True)
class Answer:
    """The architecture that came of a question, how it came about (a key of HOW), and all that was asked for it."""

    architecture: Any
    how: str
    exchanges: list[Exchange] = field(default_factory=list)


def ask(search: Search, question: Question, exchanges: list[Exchange]) -> str:
    """The LLM's reply, noted among the exchanges. A reply to a mere choice is that choice, if it names one."""
    completion = search.llm.complete(question)
    exchanges.append(Exchange(question.stage, question.messages, completion.text, completion))
    schema = question.schema
    choice = schema.choice(completion.text) if isinstance(schema, ReplySchema) and not schema.called else None
    return completion.text if choice is None else choice


def ask_architecture(search: Search, question: Question, parent: Any, exchanges: list[Exchange]) -> Answer:
    """The new architecture that the LLM gives to this question. exchanges: what was asked in this round before."""
    config, next_question, repairs = search.config, question, 0
    known: list[Any] = []  # cells that the LLM gave and that were evaluated before
    while repairs <= config.repairs and len(known) < config.samples:
        reply = ask(search, next_question, exchanges)
        try:
            architecture = read(search, question.stage, reply, parent)
        except InvalidArchitecture as error:
            repairs += 1
            next_question = repair(search, question, reply, error, repairs + len(known))
            continue
        if not search.is_known(architecture):
            return Answer(architecture, "repaired" if repairs else "resampled" if known else "llm", exchanges)
        if not config.novelty:
            return Answer(architecture, "duplicate", exchanges)
        known.append(architecture)
        next_question = resample(search, question, repairs + len(known))
    if known and (chosen := choose_one_change(search, question, known[-1], exchanges)):
        return chosen
    return fall_back(search, question, known[-1] if known else parent, exchanges)


def read(search: Search, stage: str, reply: str, parent: Any) -> Any:
    """The architecture of a reply: of several the last new one, since a reply quotes those that the LLM was shown.

    A "reasoned" D says what changes in its parent. Raises InvalidArchitecture.
    """
    if stage == "refine" and search.config.strategy == "reasoned":
        return search.space.changed(parent, reply, search.notation, search.is_known)
    return search.space.read(reply, search.notation, search.is_known)


def repair(search: Search, question: Question, reply: str, error: InvalidArchitecture, attempt: int) -> Question:
    """The question again, with the reply that could not be read and the reason."""
    quoted = {"role": "assistant", "content": reply[-LONGEST_QUOTE:] or "(nothing)"}
    messages = [*question.messages, quoted, {"role": "user", "content": f"{error}."}]
    return replace(resample(search, question, attempt), messages=messages)


def resample(search: Search, question: Question, attempt: int) -> Question:
    """The question again, with another seed."""
    return replace(question, seed=search.seed(question.round, question.stage, attempt))


def choose_one_change(search: Search, question: Question, known: Any, exchanges: list[Exchange]) -> Answer | None:
    """Have the LLM pick a single change of a known cell; None if it picks none."""
    asked = questions.one_change(search, question.round, known)
    reply = ask(search, asked, exchanges)
    change = asked.schema.choice(reply) if isinstance(asked.schema, ReplySchema) else None
    architecture = search.new_edits(known).get(change or reply)
    if architecture is None:
        return None
    return Answer(architecture, "duplicate" if search.is_known(architecture) else "edited", exchanges)


def fall_back(search: Search, question: Question, parent: Any, exchanges: list[Exchange]) -> Answer:
    """A random new neighbour of the parent: the LLM gave no architecture."""
    neighbors = list(search.new_edits(parent).values())
    return Answer(search.random(question.round, "fallback").choice(neighbors), "fallback", exchanges)


def is_led_by_chance(records: Sequence[Record], rounds: int) -> bool:
    """Whether too many rounds fell back: three in a row, or more than a third of a search of so many rounds."""
    fallbacks = [record.how == "fallback" for record in records]
    run = longest = 0
    for fallback in fallbacks:
        run = run + 1 if fallback else 0
        longest = max(longest, run)
    return longest >= IN_A_ROW or sum(fallbacks) > SHARE * rounds


def require_llm(search: Search, last_reply: str | None = None) -> None:
    """Raise FallbackError if chance leads this search, unless that was allowed. last_reply: what the LLM said last."""
    records, rounds = search.repository.records, search.config.rounds
    if search.allow_fallbacks or not is_led_by_chance(records, rounds):
        return
    count = sum(record.how == "fallback" for record in records)
    said = "" if last_reply is None else f" The LLM last said: {last_reply[-200:]!r}."
    raise FallbackError(
        f"{search.llm.name} gave no architecture in {count} of the first {len(records) - 1} rounds: random neighbours "
        f"took the place of its replies, so this is not the LLM's search.{said} Next: read the run's transcript.jsonl, "
        f"then try another LLM, other prompts or more tokens for a reply under another --variant. {ALLOW}=1 goes on "
        "all the same, and the tables mark the run."
    )
