"""Artifacts: each value stored once, under the hash of its content."""

from __future__ import annotations

import binascii
import hashlib
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from fpack.errors import ArtifactError
from fpack.store import codec, frames
from fpack.store.root import Root

INLINE = 1024  # bytes of content up to which the task's record carries it, sparing a request or a file
_KEY = re.compile("[0-9a-f]{64}")
_AT_ONCE = 1 << 20  # bytes of content up to which a bucket is sent a blob without first being asked for it


@dataclass(frozen=True)
class Ref:
    """Where an artifact's content is.

    `blob` is its key among the blobs, "" where the content is `inline`; `size` is in bytes, uncompressed;
    `type` is the dotted name of the value's type, for display only.
    """

    blob: str
    size: int
    type: str
    inline: bytes | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it for JSON: `n` bytes of a `t`, in blob `b` or else in base64 `i`, whose crc32 is `c`."""
        if self.inline is None:
            return {"b": self.blob, "n": self.size, "t": self.type}
        text = binascii.b2a_base64(self.inline, newline=False).decode()
        return {"i": text, "c": zlib.crc32(self.inline), "n": self.size, "t": self.type}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Ref:
        """Return what `to_json` was called on; ArtifactError where that cannot be."""
        try:
            blob, size, name = data.get("b", ""), data["n"], data["t"]
            inline = binascii.a2b_base64(data["i"]) if "i" in data else None
            if inline is not None and (len(inline) != size or zlib.crc32(inline) != data["c"]):
                raise codec.damaged("its bytes in the task's record do not match their checksum")
            if inline is None and not (_KEY.fullmatch(blob) and size > INLINE):
                raise ValueError(f"no blob {blob!r} of {size!r} bytes can be")
        except (KeyError, TypeError, ValueError) as error:
            raise codec.damaged(f"its reference in the task's record cannot be read: {error!r}") from error
        return cls(blob, size, name, inline)


class Blobs:
    """The artifacts' content in a root: `blobs/<key>`, written once, the same for every run."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._there: set[str] = set()

    def save(self, value: object) -> Ref:
        """Store `value` unless its content is stored already, and return where it is.

        ArtifactError where it cannot be pickled, saying which part of it cannot. Other threads must leave the
        value as it is meanwhile: its arrays are hashed and compressed where they are, not copied.
        """
        content = codec.encode(value)
        name = codec.type_name(value)
        if content.size <= INLINE:
            return Ref("", content.size, name, bytes(content))
        key = content_key(content)
        if key not in self._there:
            self._write(f"blobs/{key}", content)
            self._there.add(key)
        return Ref(key, content.size, name)

    def _write(self, key: str, content: codec.Content) -> None:
        small = content.size <= _AT_ONCE and not self._root.is_local
        if not small and self._root.exists(key):
            return
        if content.size <= frames.FRAME:
            self._root.create(key, b"".join(frames.pack(content)))
        else:
            self._root.write(key, frames.pack(content))

    def load(self, ref: Ref) -> Any:
        """Return the value at `ref`, its arrays writable where they were when saved.

        ArtifactError where its content is gone or damaged, or needs a module or a class that is not here.
        A large value's arrays are views of one block of memory, which is freed with the last of them.
        """
        if ref.inline is not None:
            return codec.decode(ref.inline)
        key = f"blobs/{ref.blob}"
        where = self._root.local_path(key) or f"{self._root.url}/{key}"
        try:
            with self._root.reader(key) as blob:
                content = frames.unpack(blob, ref.size, self._root.streams)
        except KeyError:
            raise ArtifactError(
                "the content of this artifact is not in the store any more",
                why=f"there is no {where}",
                hint="run the step that made it again",
            ) from None
        except ArtifactError as error:
            error.hint = f"remove {where}, and run the step that made it again"
            raise
        return codec.decode(content)


def content_key(content: codec.Content) -> str:
    """Return the key of some content, 64 hex digits.

    It is the sha256 of the 16 bytes "fpack content 1\\n", the content's size as 8 bytes little-endian, and
    the sha256 digests, 32 bytes each, of its chunks of 8 MiB in order; the last chunk may be shorter. How the
    content is compressed has no part in it.
    """
    whole = hashlib.sha256(b"fpack content 1\n" + content.size.to_bytes(8, "little"))
    for digest in frames.each(partial(_digest, content), content.size):
        whole.update(digest)
    return whole.hexdigest()


def _digest(content: codec.Content, start: int) -> bytes:
    chunk = hashlib.sha256()
    for piece in content.slices(start, start + frames.FRAME):
        chunk.update(piece)
    return chunk.digest()
