"""Texts that a user writes, read and checked: numbers, paths, names of folders. Needs the standard library only."""

import hashlib
import math
import os
import re
from pathlib import Path
from typing import Any

from .errors import SettingError

MOST = 10**9 - 1  # the largest seed or count that is taken
LONGEST_NAME = 200  # bytes of a folder's name; file systems take 255


def whole_number(text: str, low: int = 0, high: int = MOST) -> int:
    """A whole number in a range. Raises SettingError with the range."""
    if not (re.fullmatch("-?[0-9]{1,19}", text) and low <= int(text) <= high):
        raise SettingError(f"{text!r} is no whole number from {low} to {high}")
    return int(text)


def real_number(text: str, low: float, high: float) -> float:
    """A number in a range; NaN and infinity are none. Raises SettingError with the range."""
    try:
        value = float(text) if text.isascii() and "_" not in text else math.nan  # what Python reads, and people do not
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise SettingError(f"{text!r} is no number from {low:g} to {high:g}")
    return value


def user_path(text: str | Path) -> Path:
    """A path as a user writes it: `~` and `$HOME` mean what they mean to a shell. Raises SettingError.

    A shell leaves them as they are in `--results=~/x`, in quotes and in the parameters of a notebook.
    """
    if not str(text):
        raise SettingError("an empty text names no file and no folder")
    try:
        return Path(os.path.expandvars(text)).expanduser()
    except RuntimeError as error:  # ~somebody, whom this machine does not know
        raise SettingError(f"{str(text)!r}: {error}") from None


def folder_name(text: str) -> str:
    """A text that is one folder's name. Raises SettingError."""
    if text in ("", ".", "..") or "/" in text or len(text.encode()) > LONGEST_NAME:
        raise SettingError(f"{text!r} is no name of a folder: give 1 to {LONGEST_NAME} bytes without '/'")
    return text


def listed_names(text: str) -> tuple[str, ...]:
    """The names in a list such as "table5, figures"; none for an empty text. Raises SettingError for commas alone."""
    names = tuple(text.replace(",", " ").split())
    if text.strip() and not names:
        raise SettingError(f"{text!r} names nothing")
    return names


def variant_of(given: dict[str, Any]) -> str:
    """The name of the runs whose settings differ from the profile's by these; one that is long is cut and hashed."""
    name = ",".join(f"{option}={value}" for option, value in given.items()).replace("|", "").replace("/", "-")
    if len(name.encode()) > LONGEST_NAME:
        name = f"{name.encode()[:100].decode(errors='ignore')}-{hashlib.sha256(name.encode()).hexdigest()[:10]}"
    return name or "default"
