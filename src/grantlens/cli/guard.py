"""Whatever goes wrong ends here: one sentence with its remedy on stderr, and an exit code."""

from __future__ import annotations

import codecs
import contextlib
import errno
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import TextIO

from grantlens.cli.codes import BROKEN_PIPE, FAILED, INTERRUPTED, TERMINATED
from grantlens.cli.message import complain, say
from grantlens.errors import DEBUG, MISTAKE, NO_ROOM, GrantlensError


def guarded(arguments: Sequence[str] | None) -> int:
    """Run one command; return its exit code and never raise."""
    _open_closed()
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A name from a log may hold what this terminal cannot write; JSON must stay JSON.
            stream.reconfigure(errors="as_in_json")
    with _terminable() as asked_to_end:
        try:
            return _run(given, asked_to_end)
        except OSError:  # nobody can be told: Python would end with 1, which says that there are findings
            _forget(sys.stderr)
            return FAILED


def _as_in_json(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


codecs.register_error("as_in_json", _as_in_json)


def _run(given: list[str], asked_to_end: list[int]) -> int:
    try:
        from grantlens.cli.app import run

        code = run(given)
        sys.stdout.flush()
        return code
    except GrantlensError as error:
        complain(error.message, error.remedy)
        return FAILED
    except KeyboardInterrupt:
        kept = ": a file is kept whole or not at all. Run it again; it adds nothing twice."
        print(file=sys.stderr)
        say(f"Interrupted{kept if given[:1] == ['load'] else '.'}")
        return TERMINATED if asked_to_end else INTERRUPTED
    except BrokenPipeError:
        _forget(sys.stdout)
        return BROKEN_PIPE
    except OSError as error:
        if error.errno in NO_ROOM:
            _forget(sys.stdout)
        complain(*_explain(error))
        return FAILED
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        complain(f"Something unexpected happened: {type(error).__name__}: {error}.", MISTAKE)
        return FAILED


@contextlib.contextmanager
def _terminable() -> Iterator[list[int]]:
    """Let a scheduler's SIGTERM end what runs inside as Control-C does, so that no half-written file is left; give what came."""
    came: list[int] = []

    def end(number: int, frame: object) -> None:
        came.append(number)
        raise KeyboardInterrupt

    ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if ours:
        signal.signal(signal.SIGTERM, end)
    try:
        yield came
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _open_closed() -> None:
    """Let what is written to a stream that the shell closed go nowhere: Python has None for it, and prints to another."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115


def _forget(stream: TextIO) -> None:
    """Send what is left in the buffer nowhere, so that the interpreter does not fail on it again at exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _explain(error: OSError) -> tuple[str, str]:
    name = next((name for name in (error.filename2, error.filename) if isinstance(name, str)), "the output")
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            return f"There is no room left to write {name}.", "Free some space, then run the same command again."
        case errno.ENOENT:
            return f"{name} does not exist.", "Check the path."
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"{name} may not be read or written by this user.", "Check its permissions, or name another place."
        case errno.EEXIST:
            return f"{name} is a file where a folder is needed.", "Name another folder, or move the file away first."
        case errno.EISDIR:
            return f"{name} is a folder.", "Name a file."
        case errno.ENOTDIR:
            return f"A part of {name} is a file, not a folder.", "Check the path."
    return f"{name}: {error.strerror or error}.", ""
