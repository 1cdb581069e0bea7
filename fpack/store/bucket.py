"""A root that is a prefix of an S3 bucket, reached through obstore."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from fpack.errors import StoreError
from fpack.store.root import Buffer, Reader, Root, checked

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Store

_PART = 8 << 20  # bytes in one part of an upload: 10,000 parts are 80 GB
_TAIL = 64 << 10  # bytes that the first request for an object brings: all of a small one, the end of another
_T = TypeVar("_T")


class Bucket(Root):
    """A root in a bucket; credentials and region come from the environment, as obstore finds them.

    obstore works in threads of its own, which a fork does not take along: a process that will be forked must
    leave its buckets alone until then. A child that came too late is told so, where it would otherwise hang.
    """

    is_local = False
    streams = 16

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if not parts.netloc:
            raise StoreError(
                f"no store can be kept at {url}", why="it has no bucket", hint="give s3://bucket/prefix"
            )
        self.url = f"s3://{parts.netloc}{parts.path}".rstrip("/")
        self._bucket = parts.netloc
        self._prefix = parts.path.strip("/")
        self._opened: S3Store | None = None

    def get(self, key: str) -> bytes:
        with self._doing("read", key) as store:
            return bytes(store.get(checked(key)).bytes())

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        return self._at_once(self._get_or_none, keys)

    def _get_or_none(self, key: str) -> bytes | None:
        try:
            return self.get(key)
        except KeyError:
            return None

    def _at_once(self, function: Callable[[str], _T], keys: Sequence[str]) -> list[_T]:
        if len(keys) < 2:
            return [function(key) for key in keys]
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(min(len(keys), 2 * self.streams)) as pool:
            return list(pool.map(function, keys))

    def create(self, key: str, data: bytes) -> bool:
        from obstore.exceptions import AlreadyExistsError

        with self._doing("write", key) as store:
            try:
                store.put(checked(key), data, mode="create")
            except AlreadyExistsError:
                return False
            return True

    def put(self, key: str, data: bytes) -> None:
        with self._doing("write", key) as store:
            store.put(checked(key), data, use_multipart=False)

    def write(self, key: str, pieces: Iterable[Buffer]) -> None:
        with self._doing("write", key) as store:
            store.put(checked(key), iter(pieces), chunk_size=_PART, max_concurrency=self.streams)

    def reader(self, key: str) -> Reader:
        with self._doing("read", key) as store:
            answer = store.get(checked(key), options={"range": {"suffix": _TAIL}})
            return _RangeReader(self, key, answer.meta["size"], bytes(answer.bytes()))

    def read(self, key: str, start: int, stop: int) -> Buffer:
        """Return the bytes of `key` from `start` up to `stop`."""
        with self._doing("read", key) as store:
            return memoryview(store.get_range(checked(key), start=start, end=stop))

    def exists(self, key: str) -> bool:
        try:
            with self._doing("read", key) as store:
                store.head(checked(key))
        except KeyError:
            return False
        return True

    def children(self, prefix: str, after: str = "") -> tuple[list[str], list[str]]:
        prefix = prefix.strip("/")
        with self._doing("list", prefix) as store:
            found = store.list_with_delimiter(prefix or None)
        folders = (path.rstrip("/").rpartition("/")[2] for path in found["common_prefixes"])
        files = (meta["path"].rpartition("/")[2] for meta in found["objects"])
        folders_after, files_after = (sorted(n for n in names if n > after) for names in (folders, files))
        return folders_after, files_after

    def local_path(self, key: str) -> Path | None:
        return None

    @contextmanager
    def _doing(self, verb: str, key: str) -> Iterator[S3Store]:
        from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError

        try:
            yield self._store()
        except (BaseError, OSError) as error:
            absent = isinstance(error, (NotFoundError, FileNotFoundError))
            if absent and verb == "read" and "NoSuchBucket" not in str(error):
                raise KeyError(key) from None
            if isinstance(error, (PermissionDeniedError, UnauthenticatedError, PermissionError)):
                hint = "check which AWS credentials this process has, and whether they may use this prefix"
            elif absent:
                hint = "check the bucket's name, or make the bucket"
            else:
                hint = "check AWS_REGION, the credentials and the network"
            raise StoreError(
                f"cannot {verb} {key or 'anything'} in the store {self.url}", why=_short(error), hint=hint
            ) from error

    def _store(self) -> S3Store:
        global _runtime
        if _runtime is None:
            _runtime = os.getpid()
        elif _runtime != os.getpid():
            raise StoreError(
                f"cannot reach {self.url} from this process",
                why="it was forked from one that had used a bucket, and obstore's threads stayed behind",
                hint="start this process anew, or use buckets only after the fork",
            )
        if self._opened is None:
            from obstore.store import S3Store

            endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
            client: ClientConfig = {"connect_timeout": timedelta(seconds=5)}
            if endpoint and endpoint.startswith("http://"):
                client["allow_http"] = True
            self._opened = S3Store(
                self._bucket,
                prefix=self._prefix or None,
                config={"endpoint": endpoint} if endpoint else None,
                client_options=client,
                retry_config={"max_retries": 5, "retry_timeout": timedelta(seconds=60)},
            )
        return self._opened


class _RangeReader(Reader):
    """An object whose end is here already and whose other ranges are fetched when asked for."""

    def __init__(self, bucket: Bucket, key: str, size: int, tail: bytes) -> None:
        self._bucket = bucket
        self._key = key
        self._tail = tail
        self.size = size

    def read(self, start: int, stop: int) -> Buffer:
        stop = min(stop, self.size)
        held = self.size - len(self._tail)
        if start >= held:
            return memoryview(self._tail)[start - held : stop - held]
        return self._bucket.read(self._key, start, stop) if start < stop else b""


def _short(error: BaseException) -> str:
    """Return what S3 answered, or else the first line of what obstore says: the rest is its debug output."""
    text = str(error) or type(error).__name__
    answer = re.search(r"<Code>([^<]*)</Code>\s*<Message>([^<]*)</Message>", text)
    return ": ".join(answer.groups()) if answer else text.splitlines()[0][:500]


_runtime: int | None = None  # the process in which obstore's threads live, once there are any
