"""How fast a card works, and what an LLM needs for a round of a search. Measured if possible, else estimated.

- A card: a finished training of this profile on it, or a row of `benchmarks/results/throughput.csv`; else its fp32 peak
  times the share of it that public code is known to reach at such work (`cards.toml`).
- An LLM: finished searches with it; else the tokens of the kit's own prompts (`benchmarks/results/prompt_tokens.csv`).
"""

import csv
import math
import re
import statistics
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ...files.checkout import OWN
from ...files.errors import SettingError, look_up
from ...files.run_folder import read_config, read_requests
from ...llm import get_llm
from ...llm.transcript import totals
from ...results import KEPT, Home
from .work import Work

CARDS = Path(__file__).with_name("cards.toml")
THROUGHPUT, PROMPT_TOKENS = (OWN / "benchmarks/results" / f"{name}.csv" for name in ("throughput", "prompt_tokens"))
BF16_GAIN = 2.0  # over fp32: an assumption (half the memory traffic), measured nowhere


@dataclass(frozen=True)
class Speed:
    """Operations a second at one kind of work on one card, and how that is known."""

    per_second: float
    measured: bool
    source: str

    def __str__(self) -> str:
        return f"{self.per_second / 1e12:.3g} TFLOP/s, {'measured: ' if self.measured else ''}{self.source}"


@lru_cache(maxsize=1)
def _facts() -> dict[str, Any]:
    return tomllib.loads(CARDS.read_text(encoding="utf-8"))


def cards() -> dict[str, dict[str, Any]]:
    """Every known card by its name here."""
    return dict(_facts()["cards"])


def published_share(kind: str) -> tuple[float, str]:
    """The share of the fp32 peak that public code reached at this kind of work, and who says so."""
    fact = look_up("kind of work", _facts()["published"], kind)
    work = Work(kind, fact["multiply_adds"], fact["trained"], fact["tested"])
    seconds = 3600 * fact["hours"] * fact["gpus"]
    return work.operations / seconds / (cards()[fact["card"]]["fp32"] * 1e12), fact["source"]


def speed(card: str, kind: str, precision: str, home: Home) -> Speed:
    """How fast this card does this kind of work. home: of the profile, where finished trainings are.

    Raises UnknownName, or SettingError if it cannot be known.
    """
    about = look_up("card", cards(), card)
    rates = list(_measured(card, precision, home))
    for second, source in rates:
        if second.kind == kind:
            return Speed(second.operations, True, source)
    if "fp32" not in about:
        if not rates:
            raise SettingError(f"{about['name']}: neither a measured speed in {precision} nor a peak is known")
        return Speed(rates[0][0].operations, False, f"at the speed of another network ({rates[0][1]})")
    if precision == "bf16" and "bf16" not in about:
        raise SettingError(f"{about['name']} has no bf16: --precision fp32")
    share, source = published_share(kind)
    per_second, words = share * about["fp32"] * 1e12, f"{100 * share:.1f} % of {about['fp32']:g} TFLOP/s, as {source}"
    if precision == "bf16":
        return Speed(min(BF16_GAIN * per_second, about["bf16"] * 1e12), False, f"{BF16_GAIN:g} times {words}")
    return Speed(per_second, False, words)


def _measured(card: str, precision: str, home: Home) -> Iterator[tuple[Work, str]]:
    """The work that a card did in one second, and where that was seen: in finished trainings, in kept benchmarks."""
    for training in home.all_trainings("darts", "cifar10*"):
        result, device = training.result, re.sub("[^a-z0-9]", "", training.result["device"].lower())
        if card in device and training.config["precision"] == precision:
            rate = statistics.median(line["images_per_second"] for line in training.epochs)
            yield Work("classifier", 1e6 * result["madds_m"], rate), f"{rate:,.0f} images/s in {training.folder}"
    with THROUGHPUT.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if (row["card"], row["precision"]) == (card, precision):
                rate = float(row["samples_per_second"])
                yield Work(row["kind"], float(row["multiply_adds"]), rate), row["source"]


@dataclass(frozen=True)
class Asking:
    """What an LLM needs for a round of self-evolution and for one of inspiration, and how that is known."""

    prompt_tokens: tuple[float, float]
    completion_tokens: tuple[float, float]
    seconds: tuple[float, float]  # NaN where nobody measured them
    source: str

    def of(self, rounds: tuple[int, int]) -> tuple[dict[str, int], float]:
        """Tokens by kind, as prices name them, and seconds of so many rounds of each stage."""
        prompt, reply, seconds = (
            rounds[0] * evolve + rounds[1] * inspire
            for evolve, inspire in (self.prompt_tokens, self.completion_tokens, self.seconds)
        )
        return {"prompt_tokens": round(prompt), "completion_tokens": round(reply)}, seconds


def asking(llm: str, space: str, home: Home) -> Asking:
    """What an LLM needs for a search: measured in finished searches with it, else counted on the kit's prompts.

    home: of the profile; the kit's reference searches are looked at too. Raises UnknownName or LLMError.
    """
    templates = get_llm(llm).templates
    finished = [search.folder for at in (home, KEPT) for search in at.finished_searches(space, llm=llm)]
    finished = [folder for folder in finished if not totals(folder / "transcript.jsonl").get("without_usage")]
    return _of_searches(finished, llm) if finished else _of_prompts(templates, space)


def _of_searches(folders: list[Path], llm: str) -> Asking:
    calls: tuple[list[dict[str, Any]], ...] = ([], [])  # of self-evolution, of inspiration
    rounds = [0, 0]
    for folder in folders:
        config = read_config(folder)["search"]
        rounds = [rounds[0] + config["lam"], rounds[1] + config["rounds"] - config["lam"]]
        for call in read_requests(folder / "transcript.jsonl"):
            calls[call["round"] > config["lam"]].append(call.get("usage", {}) | {"seconds": call["seconds"]})

    def mean(kind: str) -> tuple[float, float]:
        first, second = (sum(call.get(kind, 0) for call in of) / max(n, 1) for of, n in zip(calls, rounds, strict=True))
        return first, second

    source = f"{len(folders)} finished searches with {llm}, repeated calls included"
    return Asking(mean("prompt_tokens"), mean("completion_tokens"), mean("seconds"), source)


def _of_prompts(templates: str, space: str) -> Asking:
    """What a search takes by the kit's own prompts of these templates, at first attempt."""
    with PROMPT_TOKENS.open(encoding="utf-8", newline="") as file:
        rows = {(row["templates"], row["space"], row["stage"]): row for row in csv.DictReader(file)}
    templates = templates if (templates, "darts", "refine") in rows else "full"  # the longest prompts
    counted = space if (templates, space, "refine") in rows else "darts"  # the longer prompts of the two

    def tokens(kind: str) -> tuple[float, float]:
        critique, refine, inspire = (
            float(rows[templates, counted, stage][kind]) for stage in ("critique", "refine", "inspire")
        )
        return critique + refine, inspire

    source = f"counted on the {templates} prompts of {counted}, first attempts"
    return Asking(tokens("prompt_tokens"), tokens("reply_tokens"), (math.nan, math.nan), source)
