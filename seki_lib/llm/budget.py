"""Bounds on what LLMs may cost: MAX_USD, MAX_TOKENS, MAX_CALLS. Kept by every process that works in one folder.

The ledger `<results>/<profile>/spending.json` counts what every LLM ever took in that folder, limits or not. Before a
request is sent, what it can cost at most is reserved there, under a lock, if it fits; afterwards the reservation gives
way to what was used. So no bound is ever exceeded, however many seeds run at once. The reservation of a process that
was killed in between stays, since the provider may have charged for it; where nobody charges, the run frees it when it
goes on.
"""

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ..files.errors import LLMError, RunError, SettingError
from ..files.jsonl import on_disk, read_json, write_json
from ..files.lock import waited_for
from ..files.user_input import real_number, whole_number
from .prices import FILE, OWN_VARIABLE, Price, as_of
from .question import Message

KINDS = ("calls", "tokens", "usd")
DAMAGED = "What was spent is not known: mend or remove it"
LARGEST = 10**15  # of a bound: more is a slip of the keyboard
OVERHEAD = 1024  # tokens that a provider may add to a prompt for its own chat format and structured replies


class BudgetError(LLMError):
    """The next request could exceed a bound. Nothing was sent."""


@dataclass(frozen=True)
class Limits:
    """At most this much in all; None for no bound."""

    usd: float | None = None
    tokens: int | None = None  # sent and received
    calls: int | None = None  # requests, repeated ones too

    @classmethod
    def from_environment(cls) -> "Limits":
        """`MAX_USD`, `MAX_TOKENS` and `MAX_CALLS`; empty or missing is no bound. Raises LLMError if not a number."""
        values: dict[str, Any] = {}
        for field in fields(cls):
            name, of_a_bound = f"MAX_{field.name.upper()}", real_number if field.name == "usd" else whole_number
            text = os.environ.get(name, "").strip()
            try:
                values[field.name] = of_a_bound(text, 0, LARGEST) if text else None
            except SettingError:
                raise LLMError(f"{name}={text} is not a bound; valid: a number from 0 on, such as {name}=5") from None
        return cls(**values)


def worst_usage(messages: list[Message], schema: dict[str, Any] | None, max_tokens: int) -> dict[str, int]:
    """An upper bound of what one request can use. No tokenizer makes more tokens than there are UTF-8 bytes."""
    texts = [message["content"] for message in messages] + ([json.dumps(schema)] if schema else [])
    sent = sum(len(text.encode("utf-8", "replace")) for text in texts) + OVERHEAD
    return {"prompt_tokens": sent, "completion_tokens": max_tokens}


class Budget:
    """The ledger of one folder. price: of the LLM that is asked; None if nobody knows it."""

    def __init__(self, folder: Path, limits: Limits | None = None):
        self.limits = Limits.from_environment() if limits is None else limits
        self.path = folder / "spending.json"

    def reserve(self, name: str, price: Price | None, worst: dict[str, int], run: str = "") -> str:
        """Set aside what one request can take at most. Raises BudgetError if that could exceed a bound.

        run: the folder that the call belongs to. A run asks one call at a time, so that whatever else is set aside for
        it was left by a process that was killed.
        """
        if self.limits.usd is not None and price is None:
            raise BudgetError(
                f"the price of {name} is not known ({FILE.name}, as of {as_of()}), so MAX_USD cannot be kept. Name a "
                f"file with its price in {OWN_VARIABLE}, or bound it by MAX_TOKENS or MAX_CALLS instead."
            )
        ask = {"calls": 1, "tokens": sum(worst.values()), "usd": price.worst(worst) if price else 0.0}
        bounds = asdict(self.limits)
        with self._ledger() as ledger:
            if run and price and not ask["usd"]:
                ledger["open"] = {key: there for key, there in ledger["open"].items() if there.get("run") != run}
            for kind, need in ask.items():
                bound, spent = bounds[kind], ledger[kind]
                held = float(sum(reservation[kind] for reservation in ledger["open"].values()))
                if bound is not None and spent + held + need > bound:
                    raise BudgetError(
                        f"the budget does not allow another call: MAX_{kind.upper()}={_number(bound)}, spent "
                        f"{_number(spent)}{f', set aside {_number(held)}' if held else ''}, and the call could take "
                        f"{_number(need)} ({self.path}). Raise it and give the same command: it goes on from here."
                    )
            key = uuid.uuid4().hex[:12]
            ledger["open"][key] = {**ask, "run": run}
        return key

    def settle(self, key: str, usage: dict[str, int], dollars: float, *, billed: bool = True) -> None:
        """Put what was used in place of the reservation; all of it if the request was billed and nobody says how."""
        with self._ledger() as ledger:
            used = ledger["open"].pop(key, dict.fromkeys(KINDS, 0))
            if usage or not billed:
                tokens = usage.get("prompt_tokens", 0) + usage.get("completion_tokens", 0)
                used = {"calls": 1, "tokens": tokens, "usd": dollars}
            for kind in KINDS:
                ledger[kind] += used[kind]

    def spent(self) -> dict[str, Any]:
        """calls, tokens and usd so far, without what is set aside."""
        with self._ledger() as ledger:
            return {kind: ledger[kind] for kind in KINDS}

    @contextmanager
    def _ledger(self) -> Iterator[dict[str, Any]]:
        """The ledger, read and written back whole under a lock that processes and threads share.

        Raises LLMError if it is damaged or cannot be written: then nothing in it has changed.
        """
        try:
            with on_disk(self.path), waited_for(self.path.with_name("spending.lock")):
                ledger: dict[str, Any] = dict.fromkeys(KINDS, 0) | {"open": {}}
                if self.path.exists():
                    ledger = _checked(read_json(self.path, DAMAGED), self.path)
                before = deepcopy(ledger)
                yield ledger
                if ledger != before:
                    write_json(self.path, ledger)
        except RunError as error:
            raise LLMError(f"{error} So no call is made: the bounds on LLMs could not be kept.") from None


def _checked(ledger: dict[str, Any], path: Path) -> dict[str, Any]:
    """A ledger with numbers that can be added and compared. Raises RunError for another one."""
    opened = ledger.get("open")
    counts = [ledger, *opened.values()] if isinstance(opened, dict) else [None]
    numbers = [count.get(kind) if isinstance(count, dict) else None for count in counts for kind in KINDS]
    if not all(isinstance(n, int | float) and not isinstance(n, bool) and 0 <= n < float("inf") for n in numbers):
        raise RunError(f"{path} is damaged (it holds no amounts). {DAMAGED}.")
    return ledger


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}".rstrip("0").rstrip(".")
