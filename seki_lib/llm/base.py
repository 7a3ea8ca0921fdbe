"""Who answers. An LLM takes a Question and returns a Completion; it knows nothing of searches.

A provider sends one request at a time (`answer`). Asking again is the same for all of them and stands here
(`ask`): after a failure, later; after a model was cut off while it thought, with more room.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from ..files.errors import LLMError
from .question import CallSeed, Completion, Message, Question, tidy
from .thinking import VARIABLE, Room

__all__ = ["LLM", "CallSeed", "Completion", "Message", "NoReply", "Question", "Watch"]

NOTHING: Mapping[str, Any] = MappingProxyType({})
REQUESTS = 13  # for one reply, at most
TIME_LIMIT = 600.0  # seconds for one reply, all requests and waiting included
FIRST_WAIT, LONGEST_WAIT = 0.5, 8.0  # seconds before the next request, doubled each time
LATER = "Nothing that was answered is lost: give the same command later and it goes on from here."


@dataclass(eq=False)
class NoReply(LLMError):
    """One request that brought no reply. It is sent again unless `stop` is given."""

    error: str  # what happened, as the transcript keeps it
    status: int | None = None  # HTTP
    request_id: str = ""
    billed: bool = False  # the provider may have charged for it: it was sent, and nobody knows what became of it
    usage: dict[str, int] = field(default_factory=dict)  # where the provider said what it took all the same
    wait: float | None = None  # seconds before the next request, None where the server asks for no special wait
    stop: str = ""  # why no other request would bring a reply, as a sentence for the user


class Watch:
    """Told of every single request; there may be several for one reply. This one does nothing with it."""

    def before(self, max_tokens: int) -> None:
        """A request that takes at most so many reply tokens is about to be sent. Raises LLMError if it must not be."""

    def failed(self, failure: NoReply, seconds: float) -> None:
        """The request brought no reply, after so many seconds."""


UNWATCHED = Watch()


class LLM(ABC):
    """Anything that answers questions, and how it likes to be asked. A provider defines `name` and `answer`."""

    name: str
    notation: str = "names"  # spelling of operations in prompts, a key of SearchSpace.notations
    templates: str = "full"  # set of prompt templates, a key of seki_lib.prompts.TEMPLATES
    strategy: str = "free"  # how OS_i is answered, see SearchConfig.strategy
    settings: Mapping[str, Any] = NOTHING  # what else decides its replies; part of a run's config
    hosted: bool = True  # whether the provider itself answers, at its own prices, and not another endpoint
    room: Room = Room(most=0)  # for thoughts
    time_limit: float = TIME_LIMIT
    clock: Callable[[], float] = staticmethod(time.monotonic)  # seconds
    recorded: Mapping[str, Any] | None = None  # config.json of the run that is replayed
    texts: Mapping[str, str] = NOTHING  # prompt templates that belong to it, by stage: a replay brings its run's

    def complete(
        self,
        question: Question | list[Message],
        *,
        schema: dict[str, Any] | None = None,
        seed: int | None = None,
        max_tokens: int = 512,
    ) -> Completion:
        """The reply to a question, or to these messages; see Question for schema, seed and max_tokens.

        The text holds the reply only: thoughts stand apart. Raises LLMError when there is no answer, and when the
        token limit was reached before the answer began.
        """
        return self.ask(question if isinstance(question, Question) else Question(question, schema, seed, max_tokens))

    @abstractmethod
    def answer(self, question: Question) -> Completion:
        """What one request brought. Raises NoReply where another may bring more, and else LLMError."""

    def load(self) -> None:  # noqa: B027 - most need nothing
        """Have ready what the first request needs, such as a key or a model. Raises LLMError if it is missing."""

    def count_tokens(self, messages: list[Message]) -> int | None:
        """The prompt's length in this LLM's own tokens, None where nobody here can count them."""
        return None

    @property
    def headroom(self) -> int:
        """Tokens above max_tokens that a reply may take for thoughts, as far as is known by now."""
        return self.room.tokens

    def ask(self, question: Question, watch: Watch = UNWATCHED) -> Completion:
        """The reply, after as many requests as it takes. Raises LLMError, as `complete` does."""
        self.load()
        began, requests = self.clock(), 0
        while True:
            watch.before(question.max_tokens + self.headroom)
            sent, requests = self.clock(), requests + 1
            try:
                reply = self._one_reply(question)
                return replace(reply, seconds=reply.seconds or self.clock() - sent)
            except NoReply as failure:
                watch.failed(failure, self.clock() - sent)
                if failure.stop:
                    raise LLMError(failure.stop) from None
                self._wait(failure, requests, began)
            except LLMError as error:
                watch.failed(NoReply(str(error)), self.clock() - sent)
                raise

    def _one_reply(self, question: Question) -> Completion:
        """What one request brought, unless thoughts took the place of the reply."""
        allowed = question.max_tokens + self.headroom
        reply = tidy(self.answer(question))
        again = self.room.grows_after(reply)
        if not again and not reply.cut_off:
            return reply
        thought = f"the model thought through its whole allowance of {allowed} tokens and answered nothing"
        more = f"{VARIABLE}={2 * max(self.headroom, 2048)}"
        advice = f"{self.name}: {thought}. Allow it more, such as {more}, or switch its thinking off."
        raise NoReply(
            thought, request_id=reply.request_id, billed=True, usage=reply.usage, wait=0, stop="" if again else advice
        )

    def _wait(self, failure: NoReply, requests: int, began: float) -> None:
        """Sleep until the next request. Raises LLMError if it would come too late, or be one too many."""
        wait = min(FIRST_WAIT * 2 ** (requests - 1), LONGEST_WAIT) if failure.wait is None else failure.wait
        spent = self.clock() - began
        if requests == REQUESTS or spent + wait > self.time_limit:
            raise LLMError(
                f"{self.name}: no reply to {requests} requests in {spent:.0f} s, and the next one would have to wait "
                f"{wait:.0f} s; the last one: {failure.error}. {LATER}"
            ) from None
        if wait > 0:
            time.sleep(wait)
