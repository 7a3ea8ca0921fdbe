"""What tokens cost. The numbers stand in one dated file, `prices.toml`; what is not in it has no price here."""

import os
import re
import tomllib
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..files.errors import LLMError

FILE = Path(__file__).with_name("prices.toml")
FREE = ("local", "human", "replay", "scripted", "chance")  # providers that charge nothing a token
OWN_VARIABLE = "SEKI_PRICES"  # names a file of the user's, of the same form


@dataclass(frozen=True)
class Price:
    """Dollars per million tokens: prompt, prompt read from the cache, prompt written to it, reply."""

    input: float
    cached: float
    written: float
    output: float

    def dollars(self, usage: dict[str, int]) -> float:
        """What this usage costs (see Completion.usage)."""
        cached, written = usage.get("cached_tokens", 0), usage.get("cache_write_tokens", 0)
        plain = usage.get("prompt_tokens", 0) - cached - written
        reply = usage.get("completion_tokens", 0)
        return (plain * self.input + cached * self.cached + written * self.written + reply * self.output) / 1e6

    def worst(self, usage: dict[str, int]) -> float:
        """What it costs at most, whatever the cache does."""
        dearest = max(self.input, self.cached, self.written)
        return (usage.get("prompt_tokens", 0) * dearest + usage.get("completion_tokens", 0) * self.output) / 1e6


def prices(*, hosted: bool = True) -> dict[str, Price]:
    """Every known price by LLM name, the user's own file on top.

    hosted: whether the provider itself answers. Another endpoint has the prices of the user's own file only.
    """
    own = os.environ.get(OWN_VARIABLE)
    return (_read(FILE) if hosted else {}) | (_read(Path(own)) if own else {})


def as_of() -> str:
    """When the prices of the kit's own file were looked up."""
    return str(tomllib.loads(FILE.read_text(encoding="utf-8"))["as_of"])


def price_of(name: str, *, hosted: bool = True) -> Price | None:
    """The price of an LLM by its name, or None if nobody knows it. A dated version has the price of its family."""
    if name.partition(":")[0] in FREE:
        return Price(0, 0, 0, 0)
    known = prices(hosted=hosted)
    return known.get(name) or known.get(re.sub(r"-(\d{8}|\d{4}-\d\d-\d\d|latest)$", "", name))


def in_force(name: str, *, hosted: bool = True) -> dict[str, Any] | None:
    """The price of an LLM as a run keeps it; None where nothing is charged, or nobody knows the price."""
    price = price_of(name, hosted=hosted)
    if price is None or price == Price(0, 0, 0, 0):
        return None
    return {"of": f"{FILE.name}, {as_of()}" if price in _read(FILE).values() else OWN_VARIABLE} | asdict(price)


@lru_cache(maxsize=4)
def _read(path: Path) -> dict[str, Price]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        return {name: _price(name, table) for name, table in tables.items() if isinstance(table, dict)}
    except (OSError, TypeError, ValueError) as error:
        raise LLMError(f"{path} cannot be read as a file of prices ({error}); {FILE} shows its form.") from None


def _price(name: str, table: dict[str, object]) -> Price:
    """One entry. Raises ValueError unless all of its values are numbers of dollars."""
    for field, value in table.items():
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < float("inf"):
            raise ValueError(f"{name}: {field} = {value!r} is no number of dollars")
    return Price(**table)  # type: ignore[arg-type]
