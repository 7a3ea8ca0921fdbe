"""The types of the command line's options, one for each kind of value. Every command uses them.

tyro reads each text with the type's reader. If the reader refuses a text, tyro prints one sentence and exits with code
2. Names are read as plain text: the registry checks a name, and lists the names that it has.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.constructors import PrimitiveConstructorSpec

from ..datasets.at_hand import DATASETS, TEXTS
from ..files.user_input import folder_name, real_number, user_path, whole_number
from ..loggers import LOGGERS
from ..profiles import PROFILES
from ..search.arms import ARMS
from ..spaces import SPACES


def _read_by(reader: Callable[[str], Any], metavar: str) -> Any:
    """How tyro reads an option whose text `reader` turns into its value, or refuses with a SettingError."""
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=metavar,
        instance_from_str=lambda words: reader(words[0]),
        is_instance=lambda value: True,  # tyro asks of defaults only
        str_from_instance=lambda value: [str(value)],
    )


def _one_of(names: Iterable[str], before: str = "", after: str = "") -> Any:
    """Help that lists names, each once and in their order, between other words."""
    return tyro.conf.arg(help=before + ", ".join(dict.fromkeys(names)) + after)


_count = _read_by(whole_number, "0,1,…")
_positive = _read_by(lambda text: whole_number(text, 1), "1,2,…")
_path = _read_by(user_path, "PATH")

Count = Annotated[int, _count]
MaybeCount = Annotated[int | None, _count]
MaybePositive = Annotated[int | None, _positive]
Cards = Annotated[int, _read_by(lambda text: whole_number(text, 1, 100_000), "1,2,…")]
MaybeProcesses = Annotated[int | None, _read_by(lambda text: whole_number(text, 0, 1024), "0,1,…")]
MaybeRate = Annotated[float | None, _read_by(lambda text: real_number(text, 1e-12, 1e6), "FLOAT")]
MaybeShare = Annotated[float | None, _read_by(lambda text: real_number(text, 0, 1), "0…1")]
Folder = Annotated[Path, _path]
MaybePath = Annotated[Path | None, _path]
FolderName = Annotated[str, _read_by(folder_name, "NAME")]

LoggerNames = Annotated[
    tyro.conf.UseAppendAction[tuple[str, ...]],
    _one_of(LOGGERS, after="; may be given again, or as a list with commas; also SEKI_LOG"),
]
ProfileName = Annotated[str, _one_of(PROFILES)]
SpaceName = Annotated[str, _one_of(SPACES)]
SupernetKind = Annotated[
    str, _one_of((kind for space in SPACES.values() for kind in space.supernets), "kind of the supernet of f(α): ")
]
ArmName = Annotated[
    str, _one_of((name for name, arm in ARMS.items() if arm.asks), "control: how the search differs from SEKI: ")
]
DatasetName = Annotated[
    str, _one_of([*DATASETS, *TEXTS], after="; the space's own unless given; imagenet is yours (SEKI_IMAGENET)")
]
CellText = Annotated[
    str,
    _one_of(
        (name for space in SPACES.values() for name in space.public_genotypes),
        after=', random:<seed>, "found" (the best cell of this profile\'s searches; "found:imagenet": of those on '
        "ImageNet itself), the folder of a finished search, or a genotype's text",
    ),
]
