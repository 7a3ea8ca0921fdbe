"""Which edition this machine can make: it depends on the data that are here."""

from ..evaluators.tabular import TABLES
from ..files.errors import AssetError
from ..llm import DEFAULT_LLM
from ..profiles import Profile
from ..training.language_protocol import language_protocol
from ..training.protocol import IMAGENET, SUPERNETS, dataset_at_hand, images_missing
from .needs import Edition


def edition_here(
    profile: Profile,
    llm: str = DEFAULT_LLM,
    seeds: tuple[int, ...] | None = None,
    full_grid_seeds: tuple[int, ...] = (),
) -> Edition:
    """What this machine can make of a profile. seeds: of the searches on tables; the profile's if None."""
    return Edition(
        profile, llm, seeds or profile.seeds, seeds or profile.trans101_seeds, full_grid_seeds,
        images=dataset_at_hand("cifar10", SUPERNETS[profile.name]["darts"]),
        text=dataset_at_hand("ptb", language_protocol(profile.name)),
        photographs="" if images_missing(profile.name) else IMAGENET[profile.name],
        trans101_table=not why_no_trans101(),
    )  # fmt: skip


def why_no_trans101() -> str:
    """Why Table 4 cannot be made on this machine, or nothing."""
    try:
        TABLES["trans101"]()
    except AssetError as error:
        return str(error)
    return ""
