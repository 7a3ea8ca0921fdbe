"""Who holds a folder, who waits for it, and what a file system without locks is told apart from."""

import errno
import fcntl
import threading

import pytest

from seki_lib.files.errors import RunError
from seki_lib.files.lock import locked


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL, errno.EIO, errno.ESTALE])
def test_a_file_system_that_cannot_lock_is_named_and_not_taken_for_another_process(tmp_path, monkeypatch, number):
    def refuse(file, how):
        raise OSError(number, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (
        pytest.raises(RunError, match=r"cannot lock files \(No locks available\).*Choose a folder") as error,
        locked(tmp_path),
    ):
        pass  # fmt: skip
    assert "in use" not in str(error.value)


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES])
def test_a_lock_that_another_process_holds_is_told_as_such(tmp_path, monkeypatch, number):
    def refuse(file, how):
        raise OSError(number, "held")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(RunError, match="in use by another process"), locked(tmp_path):
        pass


def test_a_finished_folder_is_waited_for_and_an_unfinished_one_is_not(tmp_path):
    released = threading.Event()

    def hold():
        with locked(tmp_path):
            held.set()
            released.wait(30)

    held = threading.Event()
    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    with pytest.raises(RunError, match="in use by process"), locked(tmp_path):
        pass
    (tmp_path / "result.json").write_text("{}")
    threading.Timer(0.3, released.set).start()
    with locked(tmp_path):
        assert released.is_set()
    thread.join()


def test_a_full_disk_does_not_keep_a_finished_folder_from_being_read(tmp_path, monkeypatch):
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with locked(tmp_path):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
