"""Fetches the files of a checkpoint into the hub's cache: resumable, and checked by their hashes.

The bytes are fetched here and not by the hub's client, since that one, as of version 2, throws a file
away that it was interrupted in, and compares sizes only: with files of 4 GB, several at once, a
Ctrl-C would cost tens of GB, and a changed file would pass.

Invariants: a file takes its place only with the hash that the hub names; what has arrived stays
until it is whole or wrong. Nothing is asked or printed here, and no token is stored or logged.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from inference import hub
from inference.checkpoints import folder
from inference.errors import DownloadFailed
from inference.hub import HubFile, Listing

if TYPE_CHECKING:
    import httpx
    from filelock import FileLock

# Left free, so that a download does not fill a disk to the brim.
MARGIN_BYTES = 2 * 10**9
PARALLEL_FILES = 4
# Without a byte in between; then the user is told.
RETRY_DELAYS_S: Sequence[float] = (1, 2, 4, 8, 15)
_TIMEOUT_S = 30.0
_SHA256_DIGITS = 64
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_HTTP_PARTIAL, _HTTP_RANGE = 206, 416

OnBytes = Callable[[int], None]
OnPause = Callable[[str, float], None]


def present_bytes(listing: Listing, cache: Path) -> int:
    """How much of a checkpoint an earlier download has left, unfinished files included."""
    return sum(_present(cache, listing, file) for file in listing.contents)


def check_disk(needed: int, free: int | None, cache: Path) -> None:
    """Refuse what would not leave `MARGIN_BYTES`. Raises `DownloadFailed`."""
    if free is None or needed == 0 or needed + MARGIN_BYTES <= free:
        return
    raise DownloadFailed(
        f"the disk of {cache} has {gigabytes(free)} free, and {gigabytes(needed)} are needed, with"
        f" {gigabytes(MARGIN_BYTES)} to be left",
        hint="Make room, or set HF_HUB_CACHE to a folder on a larger disk.",
    )


def gigabytes(count: float) -> str:
    """Say it in units of 10**9 or 10**6 bytes, as the hub and the makers of disks do."""
    if count < 10**9:
        return f"{count / 10**6:,.1f} MB"
    return f"{count / 10**9:,.1f} GB"


def only_one(cache: Path, repository: str) -> FileLock:
    """The lock of the only download of a checkpoint. Raises `DownloadFailed`."""
    from filelock import FileLock, Timeout

    path = cache / ".locks" / folder(cache, repository).name / "sparrow.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        lock.acquire(blocking=False)
    except Timeout as error:
        raise DownloadFailed(
            f"{repository} is being downloaded by another process already",
            hint="Wait for it, or stop it and run this again.",
        ) from error
    except OSError as error:
        raise _unwritable(cache, error) from error
    return lock


async def fetch(
    listing: Listing,
    cache: Path,
    on_bytes: OnBytes,
    on_pause: OnPause,
    *,
    retry_delays_s: Sequence[float] = RETRY_DELAYS_S,
) -> None:
    """Fetch what is missing, each file from where it stopped, and check it.

    `on_bytes` hears of each piece that has been written, and of what was thrown away as a negative
    number; `on_pause` of what cut a file off, and in how many seconds it is taken up again. Raises
    `DownloadFailed`; what has arrived until then stays.
    """
    import httpx

    headers = {**hub.request_headers(), "Accept-Encoding": "identity"}
    blobs = _blobs(cache, listing)
    missing = [file for file in listing.contents if not (blobs / file.digest).exists()]
    slots = asyncio.Semaphore(PARALLEL_FILES)

    async def get(client: httpx.AsyncClient, file: HubFile) -> None:
        async with slots:
            await _Transfer(client, listing, file, blobs / file.digest, on_bytes).run(
                on_pause, retry_delays_s
            )

    try:
        blobs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(cache, error) from error
    try:
        # Redirects lead to another host, which httpx does not send the token to.
        async with (
            httpx.AsyncClient(headers=headers, follow_redirects=True, timeout=_TIMEOUT_S) as client,
            asyncio.TaskGroup() as tasks,
        ):
            for file in missing:
                tasks.create_task(get(client, file))
    except ExceptionGroup as group:
        first = _first(group)
        if isinstance(first, OSError):
            raise _unwritable(cache, first) from group
        if isinstance(first, DownloadFailed):
            raise first from group
        raise


@dataclass(frozen=True, slots=True)
class _Transfer:
    """One file on its way into the cache, by as many requests as it takes."""

    client: httpx.AsyncClient
    listing: Listing
    file: HubFile
    blob: Path
    on_bytes: OnBytes

    @property
    def _partial(self) -> Path:
        return _partial(self.blob)

    async def run(self, on_pause: OnPause, retry_delays_s: Sequence[float]) -> None:
        import httpx

        if _size(self._partial) > self.file.size:
            self._discard()
        self._partial.touch()
        failures = 0
        while (before := _size(self._partial)) < self.file.size:
            try:
                await self._request(before)
                if _size(self._partial) <= before:
                    raise _TryAgain("an answer without content")  # noqa: TRY301 - told below
            except httpx.TooManyRedirects as error:
                raise DownloadFailed(
                    "the hub redirects in a circle",
                    hint="Is there a page of this network to sign in at, or a proxy on the way?"
                    " What has arrived is kept.",
                ) from error
            except (httpx.TransportError, _TryAgain) as error:
                failures = 1 if _size(self._partial) > before else failures + 1
                if failures > len(retry_delays_s):
                    raise DownloadFailed(
                        f"the connection to the hub was lost ({hub.said(error)})",
                        hint="What has arrived is kept: run the same command again to go on.",
                    ) from error
                delay_s = retry_delays_s[failures - 1]
                on_pause(hub.said(error), delay_s)
                await asyncio.sleep(delay_s)
        if await asyncio.to_thread(file_digest, self._partial, self.file) != self.file.digest:
            self._discard()
            raise DownloadFailed(
                f"{self.file.path} of {self.listing.repository} is not what the hub says: its hash"
                " differs",
                hint="The file was thrown away: run the same command again. If it happens again,"
                " something on the way (a proxy, a mirror) changes files.",
            )
        self._partial.replace(self.blob)

    async def _request(self, start: int) -> None:
        headers = {"Range": f"bytes={start}-"} if start else {}
        async with self.client.stream(
            "GET", hub.file_url(self.listing, self.file), headers=headers
        ) as response:
            status = response.status_code
            if status in _RETRIED:
                raise _TryAgain(f"status {status}")
            if status == _HTTP_RANGE:
                self._discard()
                raise _TryAgain("no such range")
            if response.is_error:
                gated = response.headers.get("X-Error-Code") == "GatedRepo"
                raise hub.refusal(self.listing.repository, status, gated=gated)
            if start and status != _HTTP_PARTIAL:  # a server that knows no ranges
                self._discard()
            with self._partial.open("ab") as file:
                await self._write(response, file)

    async def _write(self, response: httpx.Response, file: IO[bytes]) -> None:
        room = self.file.size - file.tell()
        async for piece in response.aiter_raw():
            room -= len(piece)
            if room < 0:
                file.truncate(0)
                raise DownloadFailed(
                    f"{self.file.path} of {self.listing.repository} is longer than the hub says",
                    hint="Something on the way (a proxy, a mirror) changes files.",
                )
            file.write(piece)
            self.on_bytes(len(piece))

    def _discard(self) -> None:
        self.on_bytes(-_size(self._partial))
        self._partial.unlink(missing_ok=True)


class _TryAgain(Exception):
    """The hub asks for patience."""


def file_digest(path: Path, file: HubFile) -> str:
    """The hash of a file, of the kind that the hub names this one by."""
    if len(file.digest) == _SHA256_DIGITS:
        start = hashlib.sha256()
    else:
        # https://git-scm.com/book/en/v2/Git-Internals-Git-Objects: the header counts as content.
        start = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as content:
        return hashlib.file_digest(content, lambda: start).hexdigest()


def _unwritable(cache: Path, error: OSError) -> DownloadFailed:
    if error.errno == errno.ENOSPC:
        return DownloadFailed(
            f"the disk of {cache} is full",
            hint="What has arrived is kept: make room, and run the same command again.",
        )
    return DownloadFailed(
        f"{cache} cannot be written to: {hub.said(error)}",
        hint="Set HF_HUB_CACHE to a folder that you can write to.",
    )


def _blobs(cache: Path, listing: Listing) -> Path:
    return folder(cache, listing.repository) / "blobs"


def _partial(blob: Path) -> Path:
    return blob.with_name(f"{blob.name}.incomplete")


def _present(cache: Path, listing: Listing, file: HubFile) -> int:
    blob = _blobs(cache, listing) / file.digest
    return file.size if blob.exists() else min(file.size, _size(_partial(blob)))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _first(group: ExceptionGroup[Exception]) -> Exception:
    """One of the exceptions of a group, whichever came first."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error
