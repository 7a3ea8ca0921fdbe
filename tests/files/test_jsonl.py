"""What is written is on disk, and what cannot be written or read is one sentence."""

import json
import lzma
import os
import resource
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from seki_lib.files.errors import RunError
from seki_lib.files.jsonl import (
    append_line,
    is_there,
    make_folder,
    on_disk,
    read_if_whole,
    read_json,
    read_lines,
    require_room,
    write_json,
    write_lines,
    write_text,
    written_at_once,
)  # fmt: skip


@contextmanager
def full_disk(room):
    """No file of this process may grow beyond `room` bytes: writing fails half-way, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def watched(monkeypatch):
    """The order of what reaches the disk: ("fsync", kind), ("replace", name)."""
    events, fsync, replace = [], os.fsync, Path.replace

    def watch_fsync(handle):
        path = Path(f"/proc/self/fd/{handle}").readlink()
        events.append(("fsync", "folder" if path.is_dir() else f"{path.stat().st_size} bytes"))
        fsync(handle)

    def watch_replace(path, target):
        events.append(("replace", Path(target).name))
        return replace(path, target)

    monkeypatch.setattr("os.fsync", watch_fsync)
    monkeypatch.setattr(Path, "replace", watch_replace)
    return events


needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the order is watched through /proc")


@needs_proc
def test_a_whole_file_is_on_disk_before_it_takes_its_name_and_its_name_before_it_counts(tmp_path, watched):
    write_json(tmp_path / "result.json", {"a": 1})
    assert watched == [("fsync", "12 bytes"), ("replace", "result.json"), ("fsync", "folder")]
    watched.clear()
    write_lines(tmp_path / "history.jsonl", [{"a": 1}, {"b": 2}])
    assert watched == [("fsync", "18 bytes"), ("replace", "history.jsonl"), ("fsync", "folder")]


@needs_proc
def test_a_line_is_on_disk_when_append_returns_and_so_is_the_name_of_a_new_file(tmp_path, watched):
    append_line(tmp_path / "history.jsonl", {"a": 1})
    assert watched == [("fsync", "9 bytes"), ("fsync", "folder")]
    append_line(tmp_path / "history.jsonl", {"b": 2})
    assert watched[2:] == [("fsync", "18 bytes")]


def test_the_old_file_keeps_another_name_where_that_is_asked_for_and_stays_if_the_new_one_fails(tmp_path):
    path, before = tmp_path / "a", tmp_path / "b"
    for text in ("first", "second"):
        with written_at_once(path, before=before) as part:
            part.write_text(text)
    assert (path.read_text(), before.read_text()) == ("second", "first")
    with full_disk(100), pytest.raises(RunError), written_at_once(path, before=before) as part:
        part.write_text("x" * 1000)
    assert (path.read_text(), before.read_text()) == ("second", "first")
    assert {p.name for p in tmp_path.iterdir()} == {"a", "b"}


def test_a_full_disk_is_one_sentence_and_the_lines_before_stay(tmp_path):
    path = tmp_path / "history.jsonl"
    append_line(path, {"round": 0})
    with full_disk(20):
        with pytest.raises(
            RunError, match=r"history.jsonl cannot be written or read \(.*What was saved is kept"
        ) as error:
            append_line(path, {"round": 1, "text": "x" * 100})
        with pytest.raises(RunError, match=r"big.json cannot be written"):
            write_json(tmp_path / "big.json", ["x"] * 100)
    assert "\n" not in str(error.value)
    assert list(read_lines(path)) == [{"round": 0}]
    assert [p.name for p in tmp_path.iterdir()] == ["history.jsonl"]
    append_line(path, {"round": 1})
    assert list(read_lines(path)) == [{"round": 0}, {"round": 1}]


def test_room_for_a_line_is_asked_for_without_changing_the_file(tmp_path):
    path = tmp_path / "transcript.jsonl"
    append_line(path, {"round": 0})
    before = path.read_bytes()
    require_room(path)
    assert path.read_bytes() == before
    with full_disk(1000), pytest.raises(RunError, match=r"transcript.jsonl cannot be written"):
        require_room(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("write", [
    lambda folder: make_folder(folder), lambda folder: write_json(folder / "config.json", {}),
    lambda folder: write_lines(folder / "history.jsonl", []),
])  # fmt: skip
@pytest.mark.parametrize("place", ["/proc/seki", "a file", "below a file", "a long name", "a loop"])
def test_a_place_that_can_hold_nothing_is_one_sentence(tmp_path, write, place):
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    folder = {
        "/proc/seki": Path("/proc/seki"), "a file": tmp_path / "file", "below a file": tmp_path / "file" / "results",
        "a long name": tmp_path / ("x" * 300), "a loop": tmp_path / "loop" / "results",
    }[place]  # fmt: skip
    with pytest.raises(RunError, match=r"cannot be written or read \(") as error:
        write(folder)
    assert "\n" not in str(error.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only_is_one_sentence(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(RunError, match="Permission denied"):
        append_line(tmp_path / "history.jsonl", {})


@pytest.mark.parametrize("results", ["/proc", "file"])
def test_a_search_into_such_a_place_ends_in_one_sentence(tmp_path, results):
    (tmp_path / "file").write_text("")
    command = [sys.executable, "-m", "seki_lib.app.cli", "search", "--llm", "human:", "--profile", "smoke"]
    done = subprocess.run(
        [*command, "--results", str(tmp_path / results)], capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "cannot be written or read" in done.stderr.strip().splitlines()[-1]


DAMAGES = [b"", b" \n", b"{", b'{"a": 1', b"null", b"[1]", b"\x00" * 50, b"\xff{}", b"[" * 100_000]


@pytest.mark.parametrize("content", DAMAGES)
def test_a_damaged_json_file_is_named_and_never_taken_for_a_finished_one(tmp_path, content):
    path = tmp_path / "result.json"
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"result.json is damaged \(.+\)\. ") as error:
        read_json(path)
    assert len(str(error.value)) < 400 + len(str(path))
    said = []
    assert read_if_whole(path, said.append) is None
    assert len(said) == 1 and "result.json is damaged" in said[0] and "made again" in said[0]
    assert path.read_bytes() == content


def test_a_missing_json_file_is_unfinished_without_a_word(tmp_path):
    said = []
    assert read_if_whole(tmp_path / "result.json", said.append) is None and not said
    with pytest.raises(RunError, match=r"config.json cannot be written or read"):
        read_json(tmp_path / "config.json")


@pytest.mark.parametrize("line", [b"", b"null", b"7", b'["a"]', b'{"a": ', b"\x00\x00", b"\xff", b"[" * 100_000])
def test_a_damaged_line_in_the_middle_is_named(tmp_path, line):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"a": 1}\n' + line + b'\n{"a": 3}\n')
    with pytest.raises(RunError, match=r"metrics.jsonl, line 2 is damaged \(.+\)\. Remove that line"):
        list(read_lines(path))


def test_a_lone_surrogate_is_written_and_comes_back(tmp_path):
    append_line(tmp_path / "a.jsonl", {"reply": "a\udc80b\\udc80 é"})
    write_json(tmp_path / "a.json", {"reply": "a\udc80b"})
    assert list(read_lines(tmp_path / "a.jsonl")) == [{"reply": "a\udc80b\\udc80 é"}]
    assert read_json(tmp_path / "a.json") == json.loads('{"reply": "a\\udc80b"}')


def test_a_reader_of_the_printed_lines_who_has_gone_is_no_trouble_of_the_disk(tmp_path):
    with pytest.raises(BrokenPipeError), on_disk(tmp_path):
        raise BrokenPipeError(32, "Broken pipe")


def test_a_kept_file_may_be_packed_and_the_plain_one_counts_where_both_are(tmp_path):
    path = tmp_path / "transcript.jsonl"
    path.with_name("transcript.jsonl.xz").write_bytes(lzma.compress(b'{"a": 1}\n{"a": 2}\n'))
    assert is_there(path) and not is_there(tmp_path / "history.jsonl")
    assert [line["a"] for line in read_lines(path)] == [1, 2]
    path.write_bytes(b'{"a": 3}\n')
    assert [line["a"] for line in read_lines(path)] == [3]


@pytest.mark.parametrize("first", [append_line, lambda path, record: require_room(path) or append_line(path, record)])
def test_a_packed_transcript_goes_on_and_loses_nothing(first, tmp_path):
    path = tmp_path / "transcript.jsonl"
    path.with_name("transcript.jsonl.xz").write_bytes(lzma.compress(b'{"round": 1}\n{"round": 2}\n'))
    first(path, {"round": 3})
    assert [line["round"] for line in read_lines(path)] == [1, 2, 3]


@pytest.mark.parametrize(("last", "kept"), [(b'{"b": 2}', 2), (b'{"b": "x', 1), (b"{", 1), (b"\0\0\0", 1), (b"", 1)])
def test_a_last_line_without_its_newline_stays_if_it_is_whole_and_goes_if_it_broke_off(tmp_path, last, kept):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": 1}\n' + last)
    assert len(list(read_lines(path))) == kept
    append_line(path, {"c": 3})
    assert len(list(read_lines(path))) == kept + 1 and path.read_bytes().endswith(b'{"c": 3}\n')


@pytest.mark.parametrize("last", [b'{"b": 2}{"c": 3}', b'{"b": 2},', b"hello world", b"3"])
def test_a_last_line_that_no_process_left_behind_is_not_cut_off(tmp_path, last):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": 1}\n' + last)
    with pytest.raises(RunError, match=r"a\.jsonl"):
        append_line(path, {"c": 3})
    with pytest.raises(RunError, match="line 2 is damaged"):
        list(read_lines(path))
    assert path.read_bytes() == b'{"a": 1}\n' + last


@pytest.mark.parametrize(("umask", "mode"), [(0o077, 0o600), (0o022, 0o644)])
def test_a_new_file_is_open_to_whom_the_user_allows(umask, mode, tmp_path):
    before = os.umask(umask)
    try:
        write_text(tmp_path / "x.json", "{}")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x.json").stat().st_mode) == mode
