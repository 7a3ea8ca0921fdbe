"""`chance:null`, `chance:edges` and `chance:random`: chance in the model's place, to see what Algorithm 1 does.

All answer every question of a search, so that prompts, ladder and novelty rule are those of an LLM's search.

- `null` copies as a model without understanding would: each part of its cell (an edge, a node) is that of a random cell
  in the prompt, and a cell that the prompt repeats is drawn as often as it stands there.
- `edges` is the same with every shown cell drawn equally often.
- `random` gives every cell of the space the same chance, whatever the prompt shows.

Of single changes, which the critique offers, they take any.
"""

from random import Random

from ..files.errors import LLMError, look_up
from ..spaces.base import ReplySchema
from .base import LLM, Completion, Question


class Chance(LLM):
    """Replies drawn from the question's schema by the question's seed. They cost nothing."""

    notation, templates, strategy = "words", "compact", "edit"

    def __init__(self, kind: str):
        self.copies = look_up("kind of chance", {"null": "as shown", "edges": "each once", "random": ""}, kind)
        self.name = f"chance:{kind}"

    def answer(self, question: Question) -> Completion:
        """A random reply that fits the schema. Raises LLMError for a question in free words."""
        if not isinstance(question.schema, ReplySchema):
            raise LLMError(f"{self.name} answers questions with a fixed set of replies only, not those in free words.")
        shown: list[str] = []
        if self.copies:
            prompt = "\n".join(message["content"] for message in question.messages)
            weighted = self.copies == "as shown"
            shown = [cell for cell in question.shown for _ in range(max(1, prompt.count(cell)) if weighted else 1)]
        return Completion(question.schema.draw(Random(question.seed), shown), finish="stop", dollars=0.0)
