"""Which trainings an edition's declarations name, once the searches before them have finished."""

from dataclasses import replace
from pathlib import Path

from ..results import Home, by_llm
from ..training.protocol import TrainingSpec, named_architecture
from .needs import Edition, Training


def editions(edition: Edition, results: Path, space: str = "darts", task: str = "cifar10") -> dict[str, Edition]:
    """LLM -> the edition with it, for each LLM that has searched here; the edition's own first."""
    searched = by_llm(Home(results, edition.name).finished_searches(space, task))
    return {llm: replace(edition, llm=llm) for llm in dict.fromkeys([edition.llm, *searched])}


def known_spec(need: Training, edition: Edition) -> TrainingSpec:
    """The training of a cell that no search has to find."""
    return TrainingSpec(*named_architecture(need.cell, need.space), need.dataset, edition.name, need.seed, need.space)


def training_spec(need: Training, edition: Edition, results: Path) -> TrainingSpec | None:
    """The training of the best cell that the edition's LLM found, or None if it has finished no search."""
    found = Home(results, edition.name).best_search(need.space, need.cell.partition(":")[2], edition.llm)
    return known_spec(replace(need, cell=str(found.folder)), edition) if found else None
