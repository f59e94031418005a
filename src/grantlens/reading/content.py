"""The bytes of a file: decompressed by their own magic, hashed and counted while they are read."""

from __future__ import annotations

import glob
import hashlib
import os
import stat
import zlib
from collections.abc import Iterator

from grantlens.errors import LoadError

BLOCK = 1 << 20
"""Bytes read from disk at once."""
MAX_RATIO = 250
"""A file that grows more than this while unpacking is taken for a decompression bomb..."""
RATIO_FREE = 64 << 20
"""...once it has grown beyond this many bytes; small files may be as regular as they like."""

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_KINDS = {
    stat.S_IFIFO: ("pipe", "Write what comes out of it to a file first, and load that."),
    stat.S_IFSOCK: ("socket", "Name a file."),
    stat.S_IFCHR: ("device", "Name a file."),
    stat.S_IFBLK: ("device", "Name a file."),
}
"""What else may stand under a name: to open it might wait for ever, and it could not be read twice."""

_OTHER = {b"PK\x03\x04": "zip", b"7z\xbc\xaf": "7z", b"BZh": "bzip2", b"\xfd7zXZ": "xz"}


class FileChanged(Exception):  # noqa: N818
    """A file changed while the database read it too: nothing of it counts, and it has to be read once only."""


class Content:
    """One open file: `blocks` and `fill` give unpacked bytes, `digest` is of the bytes on disk.

    They are hashed as they are read, while they are in the processor's cache.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        if not _is_utf8(path):
            raise LoadError(f"{path} has a name that is not UTF-8.", "Rename it, or the folder that it is in.")
        try:
            _refuse_other_kinds(path, os.stat(path).st_mode)
            self._file = open(path, "rb", buffering=0)  # noqa: SIM115
            found = os.fstat(self._file.fileno())
            magic = os.pread(self._file.fileno(), 8, 0)
        except OSError as error:
            raise LoadError(
                f"{path} cannot be read: {error.strerror}.", "Check the path and its permissions."
            ) from None
        self.bytes = found.st_size
        """Bytes on disk when it was opened; a log that is being written may give more, see `taken`."""
        self._version = _version(found)
        self.taken = 0
        self._ended = False
        self._hash = hashlib.sha256()
        self._unread = b""
        self.plain = False
        for start, kind in _OTHER.items():
            if magic.startswith(start):
                self.close()
                raise LoadError(f"{path} is a {kind} archive.", "Unpack it, or pack it with gzip or zstd.")
        if magic.startswith(_GZIP):
            self._blocks = self._gunzip()
        elif magic.startswith(_ZSTD):
            self._blocks = self._unzstd()
        else:
            self.plain = True
            self._blocks = self._raw()

    @property
    def name(self) -> str | None:
        """A name under which the database finds the same plain bytes, None if there is none."""
        if not self.plain:
            return None
        if os.path.isdir("/proc/self/fd"):
            return f"/proc/self/fd/{self._file.fileno()}"
        return self.path if glob.escape(self.path) == self.path else None

    @property
    def offset(self) -> int:
        """Where in a plain file the next byte stands."""
        return self.taken - len(self._unread)

    def read_at(self, offset: int, size: int) -> bytes:
        """Read part of a plain file again.

        Raises
        ------
        FileChanged
            If it is no longer that long.
        """
        got = os.pread(self._file.fileno(), size, offset)
        if len(got) < size:
            raise FileChanged
        return got

    def changed(self) -> bool:
        """True if the file under `name` is not as it was when it was opened."""
        try:
            return _version(os.stat(self.name or self.path)) != self._version
        except OSError:
            return True

    def blocks(self) -> Iterator[bytes]:
        """Give the unpacked bytes that are left."""
        while block := self.read_some():
            yield block

    def read_some(self) -> bytes:
        """Return the next unpacked bytes, empty at the end of the file."""
        if self._unread:
            block, self._unread = self._unread, b""
            return block
        return next(self._blocks, b"")

    def unread(self, block: bytes) -> None:
        """Put bytes back: they are the next ones again."""
        self._unread = block + self._unread

    def fill(self, room: memoryview) -> int:
        """Put the next unpacked bytes where there is room for them, and return how many; 0 at the end."""
        if self._unread or not self.plain:
            block = self.read_some()
            size = min(len(block), len(room))
            room[:size] = block[:size]
            self._unread = block[size:] + self._unread
            return size
        size = self._file.readinto(room[:BLOCK])
        self._note(room[:size])
        return size

    def digest(self) -> str:
        """Return the SHA-256 of the whole file; reads what is left of it.

        What is written behind its end after that was reached is not of it: it gave no records.
        """
        while not self._ended:
            self._take()
        return self._hash.hexdigest()

    def begins_with(self, size: int, sha256: str) -> bool:
        """Tell whether the first bytes on disk are those of a file of this size and hash: a log that only grew begins with what it was."""
        digest, offset = hashlib.sha256(), 0
        while offset < size and (block := os.pread(self._file.fileno(), min(BLOCK, size - offset), offset)):
            digest.update(block)
            offset += len(block)
        return offset == size and digest.hexdigest() == sha256

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _take(self) -> bytes:
        block = self._file.read(BLOCK)
        self._note(block)
        return block

    def _note(self, block: bytes | memoryview) -> None:
        self.taken += len(block)
        self._hash.update(block)
        self._ended = not block

    def _raw(self) -> Iterator[bytes]:
        while block := self._take():
            yield block

    def _gunzip(self) -> Iterator[bytes]:
        grown = 0
        member = zlib.decompressobj(31)
        fresh = True
        while block := self._take():
            while block:
                if member.eof:
                    block = block.lstrip(b"\0")
                    if not block:
                        break
                    member, fresh = zlib.decompressobj(31), True
                try:
                    unpacked = member.decompress(block, BLOCK * 4)
                except zlib.error as error:
                    raise LoadError(f"{self.path} is a damaged gzip file: {error}.", "Fetch it again.") from None
                fresh = False
                block = member.unused_data if member.eof else member.unconsumed_tail
                grown += len(unpacked)
                self._refuse_bomb(grown)
                if unpacked:
                    yield unpacked
        if not member.eof and not fresh:
            raise LoadError(f"{self.path} is only part of a gzip file: it ends too early.", "Fetch it again.")

    def _unzstd(self) -> Iterator[bytes]:
        import pyarrow as pa

        grown = 0
        stream = pa.CompressedInputStream(pa.PythonFile(_Taken(self), mode="r"), "zstd")
        while True:
            try:
                unpacked = stream.read(BLOCK)
            except (OSError, pa.ArrowException) as error:
                raise LoadError(
                    f"{self.path} is a damaged zstd file, or only part of one: {error}.", "Fetch it again."
                ) from None
            if not unpacked:
                return
            grown += len(unpacked)
            self._refuse_bomb(grown)
            yield unpacked

    def _refuse_bomb(self, grown: int) -> None:
        if grown > RATIO_FREE and grown > MAX_RATIO * max(self.taken, 1):
            raise LoadError(
                f"{self.path} unpacks to more than {MAX_RATIO} times its size: it looks like a decompression bomb.",
                "If it is a log, unpack it yourself and load the result.",
            )


def _refuse_other_kinds(path: str, mode: int) -> None:
    kind, remedy = _KINDS.get(stat.S_IFMT(mode), (None, ""))
    if kind:
        raise LoadError(f"{path} is a {kind}, no file.", remedy)


def _is_utf8(path: str) -> bool:
    """True unless Python had to put something else in place of bytes that are no UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _version(found: os.stat_result) -> tuple[int, ...]:
    return found.st_ino, found.st_size, found.st_mtime_ns


class _Taken:
    """A file object over the packed bytes of a `Content`, for pyarrow."""

    closed = False

    def __init__(self, content: Content) -> None:
        self._content = content
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        if not self._rest:
            self._rest = self._content._take()
        given, self._rest = self._rest[:size], self._rest[size:]
        return given

    def close(self) -> None:
        pass

    def readable(self) -> bool:
        return True
