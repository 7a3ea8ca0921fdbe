"""GGUF models from the hub: the ladder of the paper's own family, Qwen2.5-Instruct from 0.5B to 32B (`gguf.toml`).

A download goes on where it was cut off, in byte ranges, and each file is checked against its hash and against the one
that the hub publishes for it, before it takes its name.
"""

import os
import shutil
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

from ..files.assets import cache_dir, sha256_of, without_credentials
from ..files.errors import AssetError

HUB = "https://huggingface.co"  # HF_ENDPOINT names another one
TRIES = 8  # requests in a row that bring no byte, before giving up
WAIT = 5.0  # seconds between them


@dataclass(frozen=True)
class Part:
    """One file: name, size in bytes, SHA-256."""

    filename: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Gguf:
    """A model on the hub; `parts` are loaded together by naming the first."""

    repository: str
    licence: str
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(part.size for part in self.parts)


GGUFS: dict[str, Gguf] = {
    name: Gguf(model["repository"], model["licence"], tuple(Part(**part) for part in model["parts"]))
    for name, model in tomllib.loads(Path(__file__).with_name("gguf.toml").read_text(encoding="utf-8")).items()
}


def folder() -> Path:
    """Where the files are kept: the folder `gguf` in the cache, or `$SEKI_DATA` if it holds them."""
    data = os.environ.get("SEKI_DATA")
    return Path(data) / "gguf" if data and (Path(data) / "gguf").is_dir() else cache_dir() / "gguf"


def locate_gguf(model: Gguf) -> Path | None:
    """The first part, if all parts are here in full size; each was checked when it was downloaded."""
    paths = [folder() / part.filename for part in model.parts]
    return paths[0] if [_size(path) for path in paths] == [part.size for part in model.parts] else None


def fetch_gguf(model: Gguf) -> Path:
    """The first part of a model, all parts downloaded. Raises AssetError; the same call goes on where it stopped."""
    target, hub = folder(), os.environ.get("HF_ENDPOINT", HUB).rstrip("/")
    if not hub.startswith(("https://", "http://")):
        raise AssetError(f"HF_ENDPOINT must begin with https:// or http://: {without_credentials(hub)}")
    target.mkdir(parents=True, exist_ok=True)
    have = sum(_size(path) for part in model.parts for path in target.glob(f"{part.filename}*"))
    free = shutil.disk_usage(target).free
    if model.size - have > free:
        raise AssetError(f"{model.repository} takes {gigabytes(model.size)}; {target} has {gigabytes(free)} free.")
    for part in model.parts:
        path = target / part.filename
        if _size(path) != part.size:
            url = f"{hub}/{model.repository}/resolve/main/{part.filename}"
            print(f"{without_credentials(url)} ({gigabytes(part.size)})", flush=True)
            _download(url, part, path)
    return target / model.parts[0].filename


def _download(url: str, part: Part, path: Path) -> None:
    """One file in byte ranges, into `<name>.part`, which takes the name when its hash is right."""
    import httpx2

    unfinished = path.with_name(path.name + ".part")
    fruitless, trouble = 0, ""
    while (size := _size(unfinished)) < part.size:
        if fruitless == TRIES:
            raise AssetError(
                f"{part.filename}: {gigabytes(size)} of {gigabytes(part.size)} are here, then the download stopped "
                f"({trouble}). The same command goes on from there."
            )
        if fruitless:
            time.sleep(WAIT)
        try:
            _append(url, unfinished, size, part)
        except (OSError, httpx2.HTTPError) as error:
            trouble = f"{type(error).__name__}: {error}".removesuffix(": ")
        fruitless = 0 if _size(unfinished) > size else fruitless + 1
    found = sha256_of(unfinished)
    if found != part.sha256:
        damaged = unfinished.replace(unfinished.with_suffix(".damaged"))
        raise AssetError(
            f"{part.filename}: the SHA-256 of what was downloaded is {found}, expected {part.sha256}. It was moved to "
            f"{damaged}; the same command starts this file anew."
        )
    unfinished.replace(path)


def _append(url: str, unfinished: Path, size: int, part: Part) -> None:
    """Ask for the missing bytes and append what comes. Raises AssetError if the hub has another file by now.

    HF_TOKEN is for the hub only: httpx2 does not send it on to the storage server that the hub redirects to.
    """
    import httpx2

    token = os.environ.get("HF_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    hub = httpx2.head(url, headers=headers, timeout=30)  # not redirected: the hub's own answer holds the hash
    published = hub.headers.get("X-Linked-Etag", "").strip('"')
    if published and published != part.sha256:
        raise AssetError(
            f"{part.filename}: the hub publishes the SHA-256 {published}, this kit expects {part.sha256}: the file was "
            "replaced there. To use it all the same, download it yourself and name it: local:/path/model.gguf."
        )
    headers |= {"Range": f"bytes={size}-", "Accept-Encoding": "identity"}
    with (
        httpx2.stream("GET", url, headers=headers, follow_redirects=True, timeout=60) as answer,
        unfinished.open("ab") as file,
    ):
        answer.raise_for_status()
        begins = answer.headers.get("Content-Range", "")
        if answer.status_code == 200:  # the server knows no ranges: everything comes again
            file.truncate(0)
        elif not begins.startswith(f"bytes {size}-"):
            raise OSError(f"asked for bytes from {size}, got {begins}")
        for chunk in answer.iter_raw():
            file.write(chunk)
            if file.tell() > part.size:
                file.truncate(0)
                raise OSError(f"more than {part.size} bytes came")


def _size(path: Path) -> int:
    """Bytes of a file, 0 without one."""
    return path.stat().st_size if path.is_file() else 0


def gigabytes(size: float) -> str:
    """Bytes as a text for people."""
    return f"{size / 1e9:.1f} GB"


def describe_ladder() -> str:
    """One line a model: name, size, licence, whether it is here."""
    return "\n".join(
        f"local:{name:13s} {gigabytes(model.size):>8s}  {model.licence:34s} "
        f"{locate_gguf(model) or f'{HUB}/{model.repository}'}"
        for name, model in GGUFS.items()
    )
