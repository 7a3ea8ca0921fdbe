"""What the files of a run folder hold, as far as the kit asks for it, and how they are read.

A folder may come from a stranger, from an older kit or from an editor: what is of another kind is refused here, in a
sentence that names file and field.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .errors import RunError, say_once
from .jsonl import GOOD_COPY, read_if_whole, read_json, read_lines
from .shape import require_shape

SETTING = (str, int, float, bool, None)
CONFIG = {  # of a search
    "run?": {"space?": str, "task?": str, "llm?": str, "profile?": str, "seed?": int, "variant?": str},
    "search?": {"rounds?": int, "lam?": int, "k?": int, "xi?": int, "notation?": str, "strategy?": str, "*": SETTING},
    "llm?": {"name?": str, "templates?": str},
    "prompts?": {"*": str},
    "data?": {"name?": str, "sentence?": str},
    "asked?": {"*": str},
    "prices?": [dict],
    "code?": str,
}
RESULT = {
    "architecture?": str,
    "round?": int,
    "score?": float,
    "evaluations?": int,
    "final?": {"*": float},
    "caveat?": str,
    "how?": {"*": int},
    "calls?": int,
    "failed?": int,
    "tokens?": {"*": int},
    "dollars?": (float, None),
    "llm_seconds?": float,
}
FORK = {"of": str, "round": int}
RECORD = {
    "round": int,
    "stage": str,
    "architecture": str,
    "canonical": str,
    "score": float,
    "metrics?": {"*": float},
    "how": str,
    "seconds": float,
}
CALL = {
    "key": str,
    "seconds": float,
    "round": (int, None),
    "stage": (str, None),
    "attempt?": (int, None),
    "dollars?": (float, None),
    "messages?": [{"role": str, "content": str}],
}
ANSWERED = CALL | {
    "reply": str,
    "usage": {"*": float},
    "model?": str,
    "request_id?": str,
    "finish?": str,
    "thoughts?": str,
}
FAILED = CALL | {"error": str, "usage?": {"*": float}}


def read_config(folder: Path, advice: str = GOOD_COPY) -> dict[str, Any]:
    """`config.json` of a search: what decided it. Raises RunError if it is missing or damaged."""
    return read_json(folder / "config.json", advice, CONFIG)


def read_result(folder: Path) -> dict[str, Any]:
    """`result.json`: what came of it and what it took. Raises RunError if it is missing or damaged."""
    return read_json(folder / "result.json", shape=RESULT)


def result_if_whole(folder: Path, say: Callable[[str], None] = say_once) -> dict[str, Any] | None:
    """`result.json`, or None: whoever gets that makes it again. One that is damaged is said; an empty one is none."""
    return read_if_whole(folder / "result.json", say, RESULT) or None


def require_own_history(folder: Path, architectures: Sequence[str], first: str, most: int) -> None:
    """Raise RunError for a history that cannot be this run's: it begins with another cell, or is too long."""
    if architectures and architectures[0] != first:
        why = f"begins with {architectures[0]}, and this run with {first}"
    elif len(architectures) > most:
        why = f"holds {len(architectures)} evaluations of {most}"
    else:
        return
    raise RunError(
        f"{folder / 'history.jsonl'} {why}. Next: remove it, and the same command goes on from the answers in "
        "transcript.jsonl."
    )


def read_rounds(folder: Path) -> Iterator[dict[str, Any]]:
    """The lines of `history.jsonl`, α0 first; none where there is no file. Raises RunError for a damaged one."""
    return read_lines(folder / "history.jsonl", shape=RECORD)


def read_requests(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a transcript, those without a reply too. Raises RunError for what no recorder writes."""

    def checked(line: dict[str, Any]) -> dict[str, Any]:
        require_shape(line, ANSWERED if "reply" in line else FAILED)
        return line

    return read_lines(path, checked)
