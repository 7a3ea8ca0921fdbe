"""`human:`: you are the LLM. The prompt is shown, the reply is typed or pasted.

A chat window without an API works too: copy the prompt there and its answer back. A reply that cannot be read is asked
for again with the reason, as any LLM's.
"""

import sys

from ..files.errors import LLMError
from .base import LLM, Completion, Question
from .schemas import in_words

NOBODY = "human: nobody is there to answer. Open the notebook in JupyterLab, or search in a terminal with --llm human:"


class Human(LLM):
    """Whoever sits before the screen; `human:<name>` keeps the runs of several people apart."""

    def __init__(self, who: str) -> None:
        self.name = f"human:{who}"

    def answer(self, question: Question) -> Completion:
        """What was typed. In a terminal an empty line ends it. Raises LLMError where nobody can type."""
        messages = question.messages
        if question.schema is not None and "enum" in question.schema:  # a cell may be written in any way
            messages = in_words(messages, question.schema)
        for message in messages:
            print(f"--- {message['role']} ---\n{message['content']}\n", flush=True)
        return Completion(_typed(), finish="stop")


def _typed() -> str:
    if "ipykernel" in sys.modules:
        from IPython.core.error import StdinNotImplementedError

        try:
            return input("Your reply (paste it, then Enter): ")
        except StdinNotImplementedError:
            raise LLMError(NOBODY) from None
    if not sys.stdin.isatty():
        raise LLMError(NOBODY)
    print("Your reply, then an empty line:", flush=True)
    lines: list[str] = []
    while (line := sys.stdin.readline()) and (line.strip() or not lines):
        lines.append(line)
    if not lines:
        raise LLMError(NOBODY)
    return "".join(lines).strip()
