"""Work ahead in a thread: the next piece is made while this one is used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

T = TypeVar("T")


class Beside(Generic[T]):
    """Gives what an iterable gives, worked out in a thread of its own that is one piece ahead.

    The thread starts at once. What goes wrong in it is raised where the piece would have come.

    Parameters
    ----------
    pieces
        What to work out.
    name
        Name of the thread.
    """

    def __init__(self, pieces: Iterable[T], name: str) -> None:
        self._pieces = pieces
        self._queue: Queue = Queue(1)
        self._stop = Event()
        self._thread = Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        while (item := self._next()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    def close(self) -> None:
        """Stop the thread, and wait until it has."""
        self._stop.set()
        self._thread.join()

    def _next(self) -> T | BaseException | None:
        while not self._stop.is_set():
            try:
                return self._queue.get(timeout=0.1)
            except Empty:
                continue
        return None

    def _work(self) -> None:
        try:
            for piece in self._pieces:
                if not self._put(piece):
                    return
            self._put(None)
        except BaseException as error:
            self._put(error)

    def _put(self, item: T | BaseException | None) -> bool:
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=0.1)
                return True
            except Full:
                continue
        return False
