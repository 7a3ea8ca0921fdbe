"""How many tokens a round of a search takes: measured in finished searches, else counted on the kit's own prompts."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

from ...files.jsonl import read_lines
from ...llm import get_llm
from ...results import Home
from ..notebook import ROOT
from .work import Asking

PROMPT_TOKENS = ROOT / "benchmarks" / "results" / "prompt_tokens.csv"


@dataclass(frozen=True)
class Tokens:
    """(prompt, reply) tokens that one round of each stage takes, and how that is known."""

    evolve: tuple[float, float]
    inspire: tuple[float, float]
    measured: bool
    source: str
    bytes_a_round: float = 0.0  # on disk

    def of(self, asking: Asking) -> dict[str, int]:
        """Tokens by kind, as providers and prices name them."""
        pairs = zip(("prompt_tokens", "completion_tokens"), self.evolve, self.inspire, strict=True)
        return {name: round(asking.evolve * e + asking.inspire * i) for name, e, i in pairs}


def tokens(llm: str, space: str, folder: Path) -> Tokens:
    """What a round of a search takes: of finished searches with this LLM, else counted on the kit's prompts.

    folder: of the profile; the kit's reference searches are looked at too. Raises UnknownName or LLMError.
    """
    templates = get_llm(llm).templates
    homes = Home(folder.parent, folder.name), Home(ROOT / "results", "reference")
    finished = [search.folder for home in homes for search in home.finished_searches(space, llm=llm)]
    return _of_searches(finished, llm) if finished else tokens_of_prompts(templates, space)


def _of_searches(folders: list[Path], llm: str) -> Tokens:
    rounds, took, size = [0, 0], [[0, 0], [0, 0]], 0  # self-evolution, inspiration
    for folder in folders:
        config = json.loads((folder / "config.json").read_text())["search"]
        rounds[0], rounds[1] = rounds[0] + config["lam"], rounds[1] + config["rounds"] - config["lam"]
        size += sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        for call in read_lines(folder / "transcript.jsonl"):
            used = took[call["round"] > config["lam"]]
            used[0] += call.get("usage", {}).get("prompt_tokens", 0)
            used[1] += call.get("usage", {}).get("completion_tokens", 0)
    evolve, inspire = ((used[0] / max(n, 1), used[1] / max(n, 1)) for used, n in zip(took, rounds, strict=True))
    source = f"{len(folders)} finished searches with {llm}, repeated calls included"
    return Tokens(evolve, inspire, True, source, size / sum(rounds))


def tokens_of_prompts(templates: str, space: str) -> Tokens:
    """What a round takes by the kit's own prompts of these templates, at first attempt."""
    with PROMPT_TOKENS.open(encoding="utf-8", newline="") as file:
        rows = {(r["templates"], r["space"], r["stage"]): r for r in csv.DictReader(file)}
    counted = space if (templates, space, "refine") in rows else "darts"  # the longer prompts of the two
    stages = {stage: rows[templates, counted, stage] for stage in ("critique", "refine", "inspire")}
    pairs = {s: (float(row["prompt_tokens"]), float(row["reply_tokens"])) for s, row in stages.items()}
    evolve = (pairs["critique"][0] + pairs["refine"][0], pairs["critique"][1] + pairs["refine"][1])
    words = f"counted on the {templates} prompts of {counted}, first attempts"
    return Tokens(evolve, pairs["inspire"], False, words, 4 * (sum(evolve) + sum(pairs["inspire"])))  # 4 bytes a token
