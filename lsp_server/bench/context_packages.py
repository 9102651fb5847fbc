"""The repositories that contexts are measured on: source archives, checked, and unpacked with care.

An archive comes from a folder that is given, from the user's cache, or from the package index that
uv is set up for. uv only says where it is: nothing of a package is built or run. The digest decides
what an archive is; one that the list does not pin has the digest that the index gives for it.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from lsp_server.bench.measure import CouldNotRun

MAX_ARCHIVE_BYTES = 64 * 1024 * 1024
MAX_UNPACKED_BYTES = 512 * 1024 * 1024
_FETCH_TIMEOUT_S = 60.0
_UV_TIMEOUT_S = 120.0
_RELEASE = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*==\s*(?P<version>[A-Za-z0-9][A-Za-z0-9.!+_-]*)"
    r"(?:\s+--hash=sha256:(?P<sha256>[0-9a-f]{64}))?"
)


@dataclass(frozen=True, slots=True)
class Release:
    name: str
    version: str
    sha256: str = ""  # of its source archive; empty where it is not pinned

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"

    @property
    def stem(self) -> str:
        """What its archive is called, without the ending, whoever spelled the name."""
        return f"{re.sub(r'[-_.]+', '_', self.name).lower()}-{self.version}"


@dataclass(frozen=True, slots=True)
class _Source:
    url: str
    sha256: str


def read_releases(packages: str | None) -> list[Release]:
    """From `name==version,...`, from a file with one a line, or the list that comes with Sparrow.

    Raises `CouldNotRun` for what is none.
    """
    if packages is None:
        text = (resources.files("lsp_server.bench") / "context_packages.txt").read_text("utf-8")
    elif "==" in packages:
        text = packages.replace(",", "\n")
    else:
        try:
            text = Path(packages).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CouldNotRun(
                f"the list of packages {packages!r} cannot be read: {error}; give a file with one"
                " name==version a line, or name==version,..."
            ) from error
    releases = []
    for line in text.splitlines():
        stripped = line.partition("#")[0].strip()
        if stripped:
            found = _RELEASE.fullmatch(stripped)
            if found is None:
                raise CouldNotRun(
                    f"{stripped!r} is no release: write name==version, and in a file, if wanted,"
                    " --hash=sha256:... behind it"
                )
            releases.append(Release(found["name"], found["version"], found["sha256"] or ""))
    if not releases:
        raise CouldNotRun("the list of packages is empty")
    return releases


def unpack_releases(
    releases: Sequence[Release],
    cache: Path,
    data: Path | None,
    say: Callable[[str], None] = lambda _: None,
) -> dict[Release, Path]:
    """The folder of each release's files, fetched where it is not at hand. Raises `CouldNotRun`."""
    archives = {release: _find_archive(release, cache, data) for release in releases}
    missing = [release for release, archive in archives.items() if archive is None]
    if missing:
        sources = _locate(missing)
        for release in missing:
            say(f"fetching {release}")
            archives[release] = _fetch(release, sources[release], cache)
    folders = {}
    for release, archive in archives.items():
        assert archive is not None
        folders[release] = _unpacked(archive, cache)
    return folders


def _find_archive(release: Release, cache: Path, data: Path | None) -> Path | None:
    for folder in (data, cache):
        archive = folder / f"{release.stem}.tar.gz" if folder is not None else None
        if archive is not None and archive.is_file():
            if release.sha256 and _digest(archive) != release.sha256:
                raise CouldNotRun(
                    f"{archive} is not the source archive of {release} that is pinned: its SHA-256"
                    " differs; remove it to have it fetched again"
                )
            return archive
    return None


def _locate(releases: Iterable[Release]) -> dict[Release, _Source]:
    """Where the index has the source archives."""
    uv = shutil.which("uv") or _uv_beside_python()
    wanted = sorted(releases, key=str)
    names = ", ".join(map(str, wanted))
    if uv is None:
        raise CouldNotRun(
            f"the source archives of {names} are not at hand, and uv, which finds them, is not"
            " installed: install uv, or give the folder that they are in as --data"
        )
    requirements = "".join(f"{release}\n" for release in wanted)
    # The first run fails for what could be described by building it alone: none is ever built.
    _compile(uv, requirements, names, "--no-build")
    try:
        lock = tomllib.loads(_compile(uv, requirements, names))
        sdists = {item["name"]: item["sdist"] for item in lock["packages"] if "sdist" in item}
        found = {
            release: _Source(sdist["url"], sdist["hashes"]["sha256"])
            for release in wanted
            if (sdist := sdists.get(re.sub(r"[-_.]+", "-", release.name).lower()))
        }
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise CouldNotRun(f"what uv says of {names} was not understood: {error!r}") from error
    for release in wanted:
        if release not in found:
            raise CouldNotRun(f"the index has no source archive of {release}")
        if release.sha256 and release.sha256 != found[release].sha256:
            raise CouldNotRun(f"the index has another source archive of {release} than is pinned")
    return found


def _uv_beside_python() -> str | None:
    return shutil.which("uv", path=str(Path(sys.executable).parent))


def _compile(uv: str, requirements: str, names: str, *options: str) -> str:
    command = [uv, "pip", "compile", "--quiet", "--no-deps", "--no-header", "--no-config"]
    try:
        answer = subprocess.run(  # noqa: S603 - checked names and versions, on its input
            [*command, "--format", "pylock.toml", *options, "-"],
            input=requirements,
            capture_output=True,
            text=True,
            timeout=_UV_TIMEOUT_S,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        raise CouldNotRun(
            f"the source archives of {names} are not at hand, and cannot be looked up"
            f" ({str(error.stderr).strip()}); give the folder that they are in as --data"
        ) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CouldNotRun(f"uv, which finds source archives, did not run: {error}") from error
    return answer.stdout


def _fetch(release: Release, source: _Source, cache: Path) -> Path:
    """Downloads into the cache, and keeps only what has the digest."""
    import ssl

    import httpx

    cache.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with tempfile.NamedTemporaryFile(dir=cache, delete=False) as file:
        partial = Path(file.name)
        try:
            with httpx.stream(
                "GET",
                source.url,
                follow_redirects=True,
                timeout=_FETCH_TIMEOUT_S,
                verify=ssl.create_default_context(),
            ) as answer:
                answer.raise_for_status()
                for part in answer.iter_bytes():
                    size += len(part)
                    if size > MAX_ARCHIVE_BYTES:
                        raise CouldNotRun(f"the source archive of {release} is too large")
                    digest.update(part)
                    file.write(part)
            file.close()
            if digest.hexdigest() != source.sha256:
                raise CouldNotRun(f"what came as the source archive of {release} is another file")
            return partial.replace(cache / f"{release.stem}.tar.gz")
        except httpx.HTTPError as error:
            raise CouldNotRun(
                f"the source archive of {release} could not be fetched ({error}); give the folder"
                " that it is in as --data"
            ) from error
        finally:
            partial.unlink(missing_ok=True)


def _unpacked(archive: Path, cache: Path) -> Path:
    """The folder that an archive holds, unpacked once: a folder in the cache bears its digest."""
    place = cache / f"{archive.name.removesuffix('.tar.gz')}-{_digest(archive)[:16]}"
    if not place.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=cache))
        try:
            unpack(archive, partial)
            partial.rename(place)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    below = [entry for entry in place.iterdir() if entry.is_dir()]
    return below[0] if len(below) == 1 else place


def unpack(archive: Path, folder: Path) -> None:
    """The regular files of an archive below a folder. Raises `CouldNotRun` where one would leave it.

    Links and devices are passed over: no source needs them.
    """
    if not hasattr(tarfile, "data_filter"):
        raise CouldNotRun("this Python is too old to unpack archives safely; 3.11.4 is enough")
    size = 0
    try:
        with tarfile.open(archive, "r:gz") as opened:
            for member in opened:
                if not (member.isreg() or member.isdir()):
                    continue
                size += member.size
                if size > MAX_UNPACKED_BYTES:
                    raise CouldNotRun(f"{archive} holds more than {MAX_UNPACKED_BYTES >> 20} MiB")
                opened.extract(member, folder, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise CouldNotRun(f"{archive} cannot be unpacked: {error}") from error


def _digest(archive: Path) -> str:
    with archive.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
