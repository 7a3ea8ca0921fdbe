"""GGUF models from the hub: the ladder of the paper's own family, Qwen2.5-Instruct from 0.5B to 32B.

Sizes and hashes are those of the official repositories. A download goes on where it was cut off, in byte ranges, and
each file is checked against its hash and against the one that the hub publishes for it, before it takes its name.
"""

import http.client
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..files.assets import cache_dir, sha256_of, without_credentials
from ..files.errors import AssetError, LLMError, look_up

HUB = "https://huggingface.co"  # HF_ENDPOINT names another one
TRIES = 8  # requests in a row that bring no byte, before giving up
WAIT = 5.0  # seconds between them
CHUNK = 1 << 20


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
    parameters: str
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(part.size for part in self.parts)


def _qwen(parameters: str, licence: str, *parts: tuple[int, str]) -> Gguf:
    stem, n = f"qwen2.5-{parameters.lower()}-instruct-q4_k_m", len(parts)
    names = [f"{stem}.gguf"] if n == 1 else [f"{stem}-{i:05d}-of-{n:05d}.gguf" for i in range(1, n + 1)]
    files = tuple(Part(name, *part) for name, part in zip(names, parts, strict=True))
    return Gguf(f"Qwen/Qwen2.5-{parameters}-Instruct-GGUF", licence, parameters, files)


GGUFS: dict[str, Gguf] = {
    "qwen2.5-0.5b": _qwen(
        "0.5B", "Apache-2.0", (491_400_032, "74a4da8c9fdbcd15bd1f6d01d621410d31c6fc00986f5eb687824e7b93d7a9db")
    ),
    "qwen2.5-1.5b": _qwen(
        "1.5B", "Apache-2.0", (1_117_320_736, "6a1a2eb6d15622bf3c96857206351ba97e1af16c30d7a74ee38970e434e9407e")
    ),
    "qwen2.5-3b": _qwen(
        "3B", "Qwen Research (no commercial use)",
        (2_104_932_768, "626b4a6678b86442240e33df819e00132d3ba7dddfe1cdc4fbb18e0a9615c62d"),
    ),
    "qwen2.5-7b": _qwen(
        "7B", "Apache-2.0",
        (3_993_201_344, "dfce12e3862a5283ccfb88221b48480e58745165de856439950d0f22590580db"),
        (689_872_288, "539cf93f78e887edea1c04e2d7d8cdaca9d01dae9c9025bcb8accbe29df3d72a"),
    ),
    "qwen2.5-14b": _qwen(
        "14B", "Apache-2.0",
        (3_991_999_872, "a09ea5e7b1eafb1b30b241726c3cc3c905c96f14ad41e246ffa5f44e53904f68"),
        (3_989_373_504, "21b9457d079680d284e90ef69607c4b2d8ef64a09d4729cb7b5e1357bdba41ae"),
        (1_006_737_120, "c8d37006760a387a35216e070e6664d7da927f10be8eb870fef2e3d4833d9976"),
    ),
    "qwen2.5-32b": _qwen(  # the paper's LLM
        "32B", "Apache-2.0",
        (3_961_498_272, "403434e5c845452c013661d586b97d5a53cf207462d180a07c301eafa9390d05"),
        (3_948_996_064, "7371e5c5d717a8c20f526dbfce5d3f201dc3f02140d1c836314cd0756e02e8d7"),
        (3_993_478_688, "f023ccc294c3bd3b2eac5b2dd40dea3aa4ca1d06c7460ead67c36386cd62e8fc"),
        (3_950_347_744, "05fe76d941454390cd7aa0de3b342f83a1d1226a959479af85bbfae7cd93e771"),
        (3_997_015_616, "8c2e8ecc686129c37821bd9f3b3e251e6ae80deadd3d3348f7e3e84492a63c24"),
    ),
}  # fmt: skip


def get_gguf(name: str) -> Gguf:
    """A model of the ladder. Raises UnknownName."""
    return look_up("GGUF model", GGUFS, name)


def check_gguf(path: Path) -> None:
    """Raise LLMError unless this is a model's file, judged by its first bytes."""
    if not path.is_file():
        raise LLMError(f"local:{path}: there is no such file.")
    with path.open("rb") as file:
        start = file.read(64)
    if start.startswith(b"version https://git-lfs"):
        raise LLMError(f'local:{path} is a Git LFS pointer, not the model itself: run "git lfs pull" in its folder.')
    if not start.startswith(b"GGUF"):
        raise LLMError(f"local:{path} is no GGUF file: it begins with {start[:16]!r}. Download it again.")


def folder() -> Path:
    """Where the files are kept: the folder `gguf` in the cache, or `$SEKI_DATA` if it holds them."""
    data = os.environ.get("SEKI_DATA")
    return Path(data) / "gguf" if data and (Path(data) / "gguf").is_dir() else cache_dir() / "gguf"


def locate_gguf(model: Gguf) -> Path | None:
    """The first part, if all parts are here in full size; each was checked when it was downloaded."""
    paths = [folder() / part.filename for part in model.parts]
    sizes = [path.stat().st_size if path.is_file() else -1 for path in paths]
    return paths[0] if sizes == [part.size for part in model.parts] else None


def fetch_gguf(
    model: Gguf, *, sleep: Callable[[float], None] = time.sleep, report: Callable[[str], None] = print
) -> Path:
    """The first part of a model, all parts downloaded. Raises AssetError; the same call goes on where it stopped."""
    if there := locate_gguf(model):
        return there
    target = folder()
    target.mkdir(parents=True, exist_ok=True)
    have = sum(p.stat().st_size for part in model.parts for p in target.glob(f"{part.filename}*") if p.is_file())
    free = shutil.disk_usage(target).free
    if model.size - have > free:
        raise AssetError(f"{model.repository} takes {gigabytes(model.size)}; {target} has {gigabytes(free)} free.")
    for part in model.parts:
        path = target / part.filename
        if not (path.is_file() and path.stat().st_size == part.size):
            url = f"{os.environ.get('HF_ENDPOINT', HUB).rstrip('/')}/{model.repository}/resolve/main/{part.filename}"
            _download(url, part, path, sleep, report)
    return target / model.parts[0].filename


def _download(url: str, part: Part, path: Path, sleep: Callable[[float], None], report: Callable[[str], None]) -> None:
    """One file in byte ranges, into `<name>.part`, which takes the name when its hash is right."""
    unfinished = path.with_name(path.name + ".part")
    fruitless, trouble = 0, ""
    report(f"{without_credentials(url)} ({gigabytes(part.size)})")
    while (size := unfinished.stat().st_size if unfinished.exists() else 0) < part.size:
        if fruitless == TRIES:
            raise AssetError(
                f"{part.filename}: {gigabytes(size)} of {gigabytes(part.size)} are here, then the download stopped "
                f"({trouble}). The same command goes on from there."
            )
        if fruitless:
            sleep(WAIT)
        try:
            _check_published(url, part)
            _append(url, unfinished, size, part)
        except (OSError, http.client.HTTPException) as error:
            trouble = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        fruitless = 0 if (unfinished.stat().st_size if unfinished.exists() else 0) > size else fruitless + 1
    found = sha256_of(unfinished)
    if found != part.sha256:
        damaged = unfinished.with_suffix(".damaged")
        unfinished.replace(damaged)
        raise AssetError(
            f"{part.filename}: the SHA-256 of what was downloaded is {found}, expected {part.sha256}. It was moved to "
            f"{damaged}; the same command starts this file anew."
        )
    unfinished.replace(path)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: object) -> None:
        """The hub publishes size and hash on its own answer, before it sends one on to a storage server."""


def _check_published(url: str, part: Part) -> None:
    """Compare what the hub publishes with what is known. Raises AssetError on a difference, OSError on no answer."""
    request = _request(url, method="HEAD")
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=30) as answer:
            headers = answer.headers
    except urllib.error.HTTPError as answer:
        if answer.code not in (301, 302, 303, 307, 308):
            raise
        headers = answer.headers
    published = headers.get("X-Linked-Etag", "").strip('"')
    if published and published != part.sha256:
        raise AssetError(
            f"{part.filename}: the hub publishes the SHA-256 {published}, this kit expects {part.sha256}: the file was "
            "replaced there. To use it all the same, download it yourself and name it: local:/path/model.gguf."
        )


def _append(url: str, unfinished: Path, size: int, part: Part) -> None:
    """Ask for the missing bytes and append what comes, until it ends or breaks."""
    request = _request(url)
    request.add_header("Range", f"bytes={size}-")
    with urllib.request.build_opener().open(request, timeout=60) as answer, unfinished.open("ab") as file:
        begins = answer.headers.get("Content-Range", "")
        if answer.status == 200 and size:  # the server knows no ranges: everything comes again
            file.truncate(0)
        elif answer.status == 206 and not begins.startswith(f"bytes {size}-"):
            raise OSError(f"asked for bytes from {size}, got {begins}")
        while chunk := answer.read(min(CHUNK, part.size + 1 - file.tell())):
            file.write(chunk)
        if file.tell() > part.size:
            file.truncate(0)
            raise OSError(f"more than {part.size} bytes came")


def _request(url: str, method: str = "GET") -> urllib.request.Request:
    """A request to the hub; HF_TOKEN is for the hub only, not for the storage server that it sends one on to."""
    if not url.startswith(("https://", "http://")):
        raise AssetError(f"HF_ENDPOINT must begin with https:// or http://: {without_credentials(url)}")
    request = urllib.request.Request(url, method=method, headers={"User-Agent": "seki"})  # noqa: S310 - checked above
    if token := os.environ.get("HF_TOKEN"):
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    return request


def gigabytes(size: float) -> str:
    """Bytes as a text for people."""
    return f"{size / 1e9:.1f} GB"


def free_memory() -> int | None:
    """Bytes that programs may still take, None where the system does not say. A container's own limit counts."""
    free: list[int] = []
    try:
        lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        free.append(int(lines["MemAvailable"].split()[0]) * 1024)
    except (OSError, KeyError, ValueError):
        pass
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        free.append(int(limit) - int(Path("/sys/fs/cgroup/memory.current").read_text()))
    except (OSError, ValueError):
        pass
    return min(free) if free else None


def describe_ladder() -> str:
    """One line a model: name, size, licence, whether it is here."""
    rows = []
    for name, model in GGUFS.items():
        place = locate_gguf(model) or f"{HUB}/{model.repository}"
        rows.append(f"local:{name:13s} {gigabytes(model.size):>8s}  {model.licence:34s} {place}")
    return "\n".join(rows)
