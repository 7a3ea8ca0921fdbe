"""What an option of the command line may hold: one type a kind, which every command uses.

tyro reads each text with the type's reader and shows what the reader refuses as one sentence, with exit code 2.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from tyro.constructors import PrimitiveConstructorSpec

from ..files.user_input import folder_name, real_number, user_path, whole_number


def _read_by(reader: Callable[[str], Any], metavar: str) -> Any:
    """How tyro reads an option whose text `reader` turns into its value, or refuses with a SettingError."""
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=metavar,
        instance_from_str=lambda words: reader(words[0]),
        is_instance=lambda value: True,  # tyro asks of defaults only
        str_from_instance=lambda value: [str(value)],
    )


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
