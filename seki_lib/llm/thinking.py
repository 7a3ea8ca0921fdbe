"""How many tokens a model may think before it answers. Providers count thoughts as part of the reply's tokens.

A provider's own models get FIRST at once, and so do files whose chat template knows of thoughts. Any other model is
asked with the limit of the call; when it turns out to think, it gets FIRST, and twice as much each time that it was cut
off, up to MOST. SEKI_THINKING sets another number for every call from the first one on: 0 for none.
"""

import os

from ..files.errors import LLMError
from .question import Completion

FIRST, MOST = 2048, 8192  # tokens above the limit of a call
VARIABLE = "SEKI_THINKING"


class Room:
    """The tokens that one model gets for its thoughts; it grows by what was seen and shrinks where a server refuses."""

    def __init__(self, tokens: int = 0, most: int | None = None):
        """tokens: from the first call on. most: tokens for every call, in place of what SEKI_THINKING says."""
        text = os.environ.get(VARIABLE, "").strip()
        if most is None and text:
            if not text.isdecimal():
                raise LLMError(
                    f"{VARIABLE}={text} is no number of tokens; valid: a whole number, such as {VARIABLE}=8192"
                )
            most = int(text)
        self.tokens, self.most = (tokens, MOST) if most is None else (most, most)

    def grows_after(self, reply: Completion) -> bool:
        """Whether the question shall be asked again with more room: it was cut off by the thoughts before it."""
        thinks = reply.cut_off or bool(reply.thoughts)
        if not thinks or self.tokens >= self.most:
            return False
        cut = reply.finish == "length"
        if cut or self.tokens < FIRST:
            self.tokens = min(self.most, max(FIRST, 2 * self.tokens if cut else 0))
        return cut

    def reaches(self, tokens: int) -> None:
        """Have at least so many tokens from the next call on, as far as the setting allows."""
        self.tokens = min(self.most, max(self.tokens, tokens))

    def shrinks(self) -> bool:
        """Give the server half the room, which refused as much as this; False if there is none left to give up."""
        if not self.tokens:
            return False
        self.tokens = self.most = self.tokens // 2 if self.tokens > 128 else 0
        return True
