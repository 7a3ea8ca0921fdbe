"""One process a folder: a lock that a killed process cannot leave behind."""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from .errors import RunError
from .jsonl import make_folder, on_disk

READING = 60.0  # seconds that a finished folder is waited for, while another process reads it


@contextmanager
def locked(folder: Path) -> Iterator[int]:
    """Hold a folder for this process; yields the lock's file descriptor.

    A finished folder (one with `result.json`) is held by others only to read it: it is waited for. Raises RunError that
    names who holds the folder, or says that its file system cannot lock.
    """
    waited = time.monotonic() + READING
    with ExitStack() as held:
        while True:
            path = make_folder(folder) / "lock"
            with on_disk(path):
                lock = held.enter_context(path.open("ab+", buffering=0))
            while not _taken(lock, folder):
                if time.monotonic() > waited or not (folder / "result.json").is_file():
                    lock.seek(0)
                    holder = lock.read(200).decode("utf-8", "replace").strip() or "another process"
                    raise RunError(f"{folder} is in use by {holder}: wait for it.")
                time.sleep(0.1)
            if path.exists() and path.stat().st_ino == os.fstat(lock.fileno()).st_ino:
                break  # else the folder was set aside while we waited, and its lock with it
        with suppress(OSError):  # the holder's name is for people only: a full disk does not keep one from reading
            lock.truncate(0)
            lock.write(f"process {os.getpid()} on {socket.gethostname()}".encode())
        yield lock.fileno()


@contextmanager
def waited_for(path: Path) -> Iterator[None]:
    """Hold a lock for a moment; others wait their turn. Raises RunError if there can be no lock."""
    make_folder(path.parent)
    with on_disk(path):
        lock = path.open("ab")
    with lock:
        if not _taken(lock, path.parent, wait=True):
            raise RunError(f"{path} cannot be locked. Next: look at who owns it, and choose a folder on a local disk.")
        yield


def _taken(lock: IO[bytes], folder: Path, wait: bool = False) -> bool:
    """Whether the lock is ours now; False if another process holds it. Raises RunError if there can be no lock."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except (BlockingIOError, PermissionError):  # EAGAIN, EWOULDBLOCK; EACCES on some systems
        return False
    except OSError as error:
        raise RunError(
            f"{folder} lies on a file system that cannot lock files ({error.strerror or error}), as some network file "
            "systems do. Choose a folder on a local disk (--results), or have that file system mounted with locks."
        ) from None
    return True
