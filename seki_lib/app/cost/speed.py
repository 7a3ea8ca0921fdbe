"""How fast a card does each kind of work: as measured on it, else estimated from the numbers in `cards.toml`."""

import csv
import statistics
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ...files.errors import SettingError, look_up
from ...results import Home
from ..notebook import ROOT
from .work import TRAINING, Work

CARDS = Path(__file__).with_name("cards.toml")
THROUGHPUT = ROOT / "benchmarks" / "results" / "throughput.csv"
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
    job = Work(0, "", kind, TRAINING, fact["multiply_adds"], fact["trained"], fact["tested"])
    seconds = 3600 * fact["hours"] * fact["gpus"]
    return job.operations / seconds / (cards()[fact["card"]]["fp32"] * 1e12), fact["source"]


def speed(card: str, kind: str, precision: str, folder: Path) -> Speed:
    """How fast this card does this kind of work. folder: of the profile, where finished trainings are.

    Raises UnknownName, or SettingError if it cannot be known.
    """
    about = look_up("card", cards(), card)
    rates = [*_rates_of_trainings(card, precision, folder), *_kept_rates(card, precision)]
    for known, per_second, source in rates:
        if known == kind:
            return Speed(per_second, True, source)
    if "fp32" not in about:
        if not rates:
            raise SettingError(f"{about['name']}: neither a measured speed in {precision} nor a peak is known")
        _, per_second, source = rates[0]
        return Speed(per_second, False, f"at the speed of another network ({source})")
    if precision == "bf16" and "bf16" not in about:
        raise SettingError(f"{about['name']} has no bf16: --precision fp32")
    share, source = published_share(kind)
    per_second = share * about["fp32"] * 1e12
    words = f"{100 * share:.1f} % of {about['fp32']:g} TFLOP/s, as {source}"
    if precision == "bf16":
        per_second = min(BF16_GAIN * per_second, about["bf16"] * 1e12)
        words = f"{BF16_GAIN:g} times {words}"
    return Speed(per_second, False, words)


def _kept_rates(card: str, precision: str) -> Iterator[tuple[str, float, str]]:
    if not THROUGHPUT.is_file():
        return
    with THROUGHPUT.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if (row["card"], row["precision"]) == (card, precision):
                job = Work(0, "", row["kind"], TRAINING, float(row["multiply_adds"]), float(row["samples_per_second"]))
                yield row["kind"], job.operations, row["source"]


def _rates_of_trainings(card: str, precision: str, folder: Path) -> Iterator[tuple[str, float, str]]:
    for training in Home(folder.parent, folder.name).all_trainings("darts", "cifar10*"):
        result, config = training.result, training.config
        if card in _plain(result["device"]) and config["precision"] == precision:
            rate = statistics.median(line["images_per_second"] for line in training.epochs)
            job = Work(0, "", "classifier", TRAINING, 1e6 * result["madds_m"], rate)
            yield "classifier", job.operations, f"{rate:,.0f} images/s in {training.folder}"


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
