"""What depends on this machine: which edition its data allow, and which cells its finished searches have found."""

from dataclasses import replace
from pathlib import Path

from ..evaluators.tabular import TABLES
from ..files.assets import locate
from ..files.errors import AssetError
from ..llm import DEFAULT_LLM
from ..profiles import Profile
from ..results import Home, by_llm
from ..training import protocol
from ..training.language_protocol import language_protocol
from ..training.protocol import TrainingSpec
from .needs import Edition, Training


def edition_here(
    profile: Profile, llm: str = DEFAULT_LLM, seeds: tuple[int, ...] | None = None,
    full_grid_seeds: tuple[int, ...] = (), control_seeds: tuple[int, ...] = (),
) -> Edition:  # fmt: skip
    """What this machine can make of a profile. seeds: of the searches on tables; the profile's if None."""
    return Edition(
        profile, llm, seeds or profile.seeds, seeds or profile.trans101_seeds, full_grid_seeds, control_seeds,
        images=protocol.dataset_at_hand("cifar10", protocol.SUPERNETS[profile.name]["darts"]),
        text=protocol.dataset_at_hand("ptb", language_protocol(profile.name)),
        photographs="" if protocol.images_missing(profile.name) else protocol.IMAGENET[profile.name],
        surrogate="surrogate" if locate("yahpo_nb301") else "surrogate:ridge",
        trans101_table=not why_no_trans101(),
    )  # fmt: skip


def why_no_trans101() -> str:
    """The reason why Table 4 cannot be made on this machine; empty if it can be."""
    try:
        TABLES["trans101"]()
    except AssetError as error:
        return str(error)
    return ""


def editions(edition: Edition, results: Path, space: str = "darts", task: str = "cifar10") -> dict[str, Edition]:
    """LLM -> the edition with it, for each LLM that has searched here; the edition's own first."""
    searched = by_llm(Home(results, edition.name).finished_searches(space, task))
    return {llm: replace(edition, llm=llm) for llm in dict.fromkeys([edition.llm, *searched])}


def known_spec(need: Training, edition: Edition) -> TrainingSpec:
    """The training of a cell that no search has to find."""
    cell = protocol.named_architecture(need.cell, need.space)
    return TrainingSpec(*cell, need.dataset, edition.name, need.seed, need.space)


def training_spec(need: Training, edition: Edition, results: Path) -> TrainingSpec | None:
    """The training of the best cell that the edition's LLM found, or None if it has finished no search."""
    found = Home(results, edition.name).best_search(need.space, need.cell.partition(":")[2], edition.llm)
    return known_spec(replace(need, cell=str(found.folder)), edition) if found else None
