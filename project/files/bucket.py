"""A bucket that speaks S3, as the store's place: `s3://bucket/folder`.

Its address, region and keys come from the usual variables: `AWS_ENDPOINT_URL`,
`AWS_DEFAULT_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, or the machine's own role.

It uses only botocore, which waits on plain sockets. Libraries with their own event loop (such as
s3fs) cannot be called under gevent, which the web server uses.
"""

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import urlsplit

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 20.0
"""How long the bucket may be silent."""
ATTEMPTS = 2
"""Jobs have their own attempts, and clients are asked to try again."""
CHUNK_BYTES = 1024 * 1024
_UNKNOWN = {"404", "NoSuchKey", "NotFound"}


class Bucket:
    """Files by keys like `3f/3f…9a.webp`, below the folder; its errors are OSErrors."""

    def __init__(self, url: str, scratch: Path) -> None:
        parts = urlsplit(url)
        self._name = parts.netloc
        self._folder = f"{parts.path.strip('/')}/".lstrip("/")
        self._scratch = scratch

    @property
    def scratch(self) -> Path:
        """Where jobs put temporary files: on this machine."""
        self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._scratch

    @property
    def staging(self) -> Path:
        """Where files are written before they are uploaded."""
        return self.scratch

    def keep(self, part: Path, key: str) -> None:
        """Upload a file; a bucket shows it only when it is complete."""
        with _asking(), _Source(part) as body:
            self._client.put_object(**self._at(key), Body=body)

    def open(self, key: str) -> IO[bytes]:
        """The file's content, seekable; requested from the position where it is read."""
        return cast(IO[bytes], BucketFile(self._client, self._at(key), self.find_size(key)))

    def fetch(self, key: str, target: Path) -> None:
        """Copy the file to `target`; a failed copy leaves nothing behind."""
        part = target.with_suffix(".part")
        try:
            with self.open(key) as content, part.open("wb") as copy:
                while chunk := content.read(CHUNK_BYTES):
                    copy.write(chunk)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    def find_size(self, key: str) -> int:
        """The file's size in bytes."""
        with _asking():
            return int(self._client.head_object(**self._at(key))["ContentLength"])

    def remove(self, key: str) -> None:
        """Remove the file; a bucket does not say whether it existed."""
        with _asking():
            self._client.delete_object(**self._at(key))

    def list_all(self) -> Iterator[tuple[str, float]]:
        """Yield each key, and when it was stored, in seconds since 1970."""
        with _asking():
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._name, Prefix=self._folder):
                for found in page.get("Contents", ()):
                    key = found["Key"].removeprefix(self._folder)
                    yield key, found["LastModified"].timestamp()

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self._name, "Key": f"{self._folder}{key}"}

    @cached_property
    def _client(self) -> Any:
        """The client, made at first use because its library is large."""
        from botocore.config import Config  # noqa: PLC0415
        from botocore.session import get_session  # noqa: PLC0415

        with _asking():
            return get_session().create_client(
                "s3",
                config=Config(
                    connect_timeout=CONNECT_SECONDS,
                    read_timeout=ANSWER_SECONDS,
                    retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                ),
            )


class BucketFile(io.RawIOBase):
    """Reads from one request until `seek` moves the position."""

    def __init__(self, client: Any, place: dict[str, str], size: int) -> None:
        self._client = client
        self._place = place
        self._size = size
        self._position = 0
        self._body: Any = None

    def readable(self) -> bool:
        """It is readable."""
        return True

    def seekable(self) -> bool:
        """It is seekable: data is requested only when it is read."""
        return True

    def tell(self) -> int:
        """The position of the next read."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position of the next read."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if start + offset != self._position:
            self._position = max(0, start + offset)
            self._let_go()
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Read as many bytes as are available now; 0 at the end."""
        if self._position >= self._size:
            return 0
        with _asking():
            if self._body is None:
                wanted = f"bytes={self._position}-"
                self._body = self._client.get_object(**self._place, Range=wanted)["Body"]
            chunk = self._body.read(len(buffer))
        if not chunk:
            raise OSError(f"The bucket sent {self._position:,} bytes of {self._size:,}.")
        buffer[: len(chunk)] = chunk
        self._position += len(chunk)
        return len(chunk)

    def close(self) -> None:
        """Release the connection."""
        self._let_go()
        super().close()

    def _let_go(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None


class _Source(io.FileIO):
    """A file to upload; between two reads it yields to the process's other requests.

    The library first computes a checksum of the whole file, for a second or more.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        time.sleep(0)
        return super().read(-1 if size is None else size) or b""


@contextmanager
def _asking() -> Iterator[None]:
    """Turn the library's errors into OSErrors, for a missing file into FileNotFoundError."""
    from botocore.exceptions import (  # noqa: PLC0415
        BotoCoreError,
        ClientError,
    )

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code")
        raise (FileNotFoundError if code in _UNKNOWN else OSError)(str(error)) from error
    except BotoCoreError as error:
        raise OSError(str(error)) from error
