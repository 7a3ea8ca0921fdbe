"""`seki`: run the commands of `commands.py`, and turn their errors into sentences and exit codes.

Exit codes: 0 done; 1 a sentence says what is wrong; 2 the command line cannot be read; 130 stopped by Ctrl-C; 141 the
reader of the output, such as `head`, has gone.
"""

import atexit
import gc
import os
import sys

STOPPED, UNREAD = 130, 141  # 128 + the signal's number, as shells count


def main() -> None:
    """Entry point: an error that a user can mend is one sentence on stderr, not a traceback."""
    gc.set_threshold(50_000)  # or the garbage collector takes a sixth of the time of importing torch
    atexit.register(gc.freeze)  # or it takes another sixth at the end
    try:
        _run()
        sys.stdout.flush()  # here, so that the handler below notices a reader who has gone
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the rest of the buffer goes there
        sys.exit(UNREAD)
    except KeyboardInterrupt:
        print("\nseki: stopped. The same command goes on from here.", file=sys.stderr)
        sys.exit(STOPPED)


def _run() -> None:
    """Read the command line and run the command. Exits with a sentence for what a user can mend."""
    from ..files.errors import SekiError  # imported here, so that Ctrl-C during imports is caught too

    if os.environ.get("COLUMNS", "").isdecimal() and 0 < int(os.environ["COLUMNS"]) < 20:
        del os.environ["COLUMNS"]  # no help text can be set in so narrow a column
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal may have no Greek letters
    try:
        from ..files.assets import absolute_folders
        from .commands import read

        absolute_folders()
        read(sys.argv[1:]).run()
    except SekiError as error:
        sys.exit(f"seki: {error}")
    except BrokenPipeError:
        raise
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        sys.exit(f"seki: {what}. What was saved is kept: mend that, and the same command goes on.")
    except ModuleNotFoundError as error:
        if str(error.name).startswith("seki_lib"):
            raise
        sys.exit(f'seki: this needs the package {error.name}. Next, in the checkout: pip install -e ".[all]"')


if __name__ == "__main__":
    main()
