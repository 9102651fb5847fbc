"""Where the host of a model lives: its runtime folder, lock, socket and address file.

Of each model and user there is one host. It holds `<name>.lock` for as long as it lives (the system
frees the lock of a dead one), listens on `<name>.sock`, and writes `<name>.json` with its address
and a token, which only the user can read. On Windows the address is a loopback port. The name is
made of the protocol's and the package's version, of the model and its arguments, so that a client
of another version starts a host of its own and leaves the old one to its clients.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from inference import __version__
from inference.errors import HostUnavailable
from inference.protocol import PROTOCOL_VERSION

# What a host alone needs is imported where it is used: clients start with the editor.
if TYPE_CHECKING:
    from filelock import FileLock

# What a host reads from its environment.
RUNTIME_DIR_VARIABLE = "SPARROW_RUNTIME_DIR"
API_KEY_VARIABLE = "SPARROW_API_KEY"
# sun_path holds 104 bytes on macOS and 108 on Linux, the closing zero included.
_MAX_SOCKET_PATH_BYTES = 103
_MAX_PORT = 65_535

# Python's loops have no Unix sockets on Windows; there the token alone keeps others out.
OVER_TCP = sys.platform == "win32"


@dataclass(frozen=True, slots=True)
class Address:
    """How to reach a running host; the content of its address file."""

    pid: int
    socket: str | None  # path of the Unix socket, or None
    port: int | None  # on 127.0.0.1, where there are no Unix sockets
    token: str

    def is_sound(self) -> bool:
        """Whether the values are what an address file holds; it may be anybody's garbage."""
        if type(self.pid) is not int or type(self.token) is not str:
            return False
        if self.socket is None:
            return type(self.port) is int and 0 < self.port <= _MAX_PORT
        return type(self.socket) is str and "\0" not in self.socket and self.port is None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The files of one model's host.

    `model` is the name that the user configured, `engine_args` the engine's arguments as JSON.
    """

    model: str
    engine_args: str
    directory: Path
    name: str

    @classmethod
    def of(cls, model: str, engine_args: Mapping[str, Any] | None = None) -> Endpoint:
        arguments = json.dumps(engine_args or {}, sort_keys=True)
        identity = f"{PROTOCOL_VERSION}\n{__version__}\n{model}\n{arguments}"
        name = "host-" + hashlib.blake2b(identity.encode(), digest_size=6).hexdigest()
        return cls(model, arguments, _runtime_directory(name), name)

    @property
    def socket(self) -> Path:
        return self.directory / f"{self.name}.sock"

    @property
    def address_file(self) -> Path:
        return self.directory / f"{self.name}.json"

    @property
    def _temporary_file(self) -> Path:
        return self.directory / f"{self.name}.tmp"

    @property
    def lock_file(self) -> Path:
        return self.directory / f"{self.name}.lock"

    @property
    def log_file(self) -> Path:
        return self.directory / f"{self.name}.log"

    def prepare(self) -> None:
        """Makes the runtime folder, for this user alone. Raises `HostUnavailable`."""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = self.directory.lstat()
        except OSError as error:
            raise HostUnavailable(
                f"the runtime folder {self.directory} cannot be made: {error.strerror}",
                hint=f"Set {RUNTIME_DIR_VARIABLE} to a folder that you can write to.",
            ) from error
        if sys.platform == "win32":
            return
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
            raise HostUnavailable(
                f"the runtime folder {self.directory} belongs to somebody else",
                hint=f"Set {RUNTIME_DIR_VARIABLE} to a folder of your own.",
            )
        if stat.S_IMODE(status.st_mode) & 0o077:
            self.directory.chmod(0o700)

    def read_address(self) -> Address | None:
        """The address that the last host wrote, or None; its host may be dead by now."""
        try:
            address = Address(**json.loads(self.address_file.read_text()))
        except (OSError, ValueError, TypeError, RecursionError):
            return None
        return address if address.is_sound() else None

    async def connect(
        self,
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, Address] | None:
        """Streams to the running host, or None where none listens."""
        address = self.read_address()
        if address is None:
            return None
        try:
            if address.socket is not None:
                streams = await asyncio.open_unix_connection(address.socket)
            elif self._has_host():
                streams = await asyncio.open_connection("127.0.0.1", address.port)
            else:  # whoever listens there now has taken the port of a dead host
                return None
        except OSError:
            return None
        return *streams, address

    def _has_host(self) -> bool:
        """Whether a host lives; the address of a dead one is removed. Raises `OSError`."""
        lock = self.try_lock()
        if lock is None:
            return True
        try:
            self.address_file.unlink(missing_ok=True)
        finally:
            lock.release()
        return False

    def try_lock(self) -> FileLock | None:
        """The lock that makes this process the model's host, or None where one is running."""
        from filelock import FileLock, Timeout

        lock = FileLock(self.lock_file, mode=0o600)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return None
        return lock

    async def listen(self, on_connection: Any) -> tuple[asyncio.Server, Address]:
        """Opens the socket and writes the address file; the caller holds the lock.

        Raises `OSError`, and then there is neither.
        """
        import secrets

        token = secrets.token_urlsafe(24)
        if OVER_TCP:
            server = await asyncio.start_server(on_connection, "127.0.0.1", 0, start_serving=False)
            address = Address(os.getpid(), None, server.sockets[0].getsockname()[1], token)
        else:
            # Whoever left it is dead: the lock is ours.
            self.socket.unlink(missing_ok=True)
            mask = os.umask(0o177)
            try:
                server = await asyncio.start_unix_server(
                    on_connection, self.socket, start_serving=False
                )
            finally:
                os.umask(mask)
            address = Address(os.getpid(), str(self.socket), None, token)
        # Nobody is let in before the address file names this host and not the one before.
        try:
            self._write_address(address)
        except OSError:  # no space, say
            server.close()
            self.remove()
            raise
        await server.start_serving()
        return server, address

    def is_reachable(self) -> bool:
        """Whether what `listen` made is still there, for the host that did.

        Temporary folders are swept. Where the lock is gone as well another host may have taken the
        place, or will: that is for it to say.
        """
        if not self.lock_file.exists():
            return True
        return self.address_file.exists() and (OVER_TCP or self.socket.exists())

    def remove(self) -> None:
        """Removes what `listen` made. The lock file stays, as removing it would be a race."""
        for path in (self.address_file, self._temporary_file, self.socket):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def _write_address(self, address: Address) -> None:
        temporary = self._temporary_file
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(address), file)
        temporary.replace(self.address_file)


def _runtime_directory(name: str) -> Path:
    directory = _preferred_directory()
    if (
        sys.platform == "win32"
        or len(os.fsencode(directory / f"{name}.sock")) <= _MAX_SOCKET_PATH_BYTES
    ):
        return directory
    short = hashlib.blake2b(os.fsencode(directory), digest_size=6).hexdigest()
    return _temporary_directory() / f"sparrow-{os.getuid()}-{short}"


def _preferred_directory() -> Path:
    named = os.environ.get(RUNTIME_DIR_VARIABLE)
    if named:
        return Path(named).absolute()
    if sys.platform.startswith("linux") and not (
        os.environ.get("XDG_RUNTIME_DIR") and Path(os.environ["XDG_RUNTIME_DIR"]).is_dir()
    ):
        # Directly below the sticky temporary folder, where nobody else can replace it.
        return _temporary_directory() / f"sparrow-{os.getuid()}"
    return platformdirs.user_runtime_path("sparrow-code")


def _temporary_directory() -> Path:
    import tempfile

    return Path(tempfile.gettempdir())
