"""Starts a host as a process of its own, which outlives the window that started it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading

from inference.endpoint import API_KEY_VARIABLE, RUNTIME_DIR_VARIABLE, Endpoint
from inference.errors import HostUnavailable

MAX_LOG_BYTES = 1024 * 1024
_KEPT_LOG_BYTES = 64 * 1024
# On Windows, where there are no sessions, these keep the host alive when its starter ends.
_DETACHED: int = getattr(subprocess, "DETACHED_PROCESS", 0) | getattr(
    subprocess, "CREATE_NEW_PROCESS_GROUP", 0
)


def launch_host(
    endpoint: Endpoint, idle_minutes: float, api_key: str | None = None
) -> subprocess.Popen[bytes]:
    """Starts `python -m inference serve` for the endpoint's model. Raises `HostUnavailable`.

    `api_key` reaches the host by its environment and nothing else; an empty one means none at all,
    and None whatever this process was started with. Nothing of the workspace reaches its import
    path: it runs in the runtime folder, with `-P` and without the PYTHON* variables of whoever
    started the editor.
    """
    command = [
        *(sys.executable, "-P", "-E", "-m", "inference", "serve"),
        *("--model", endpoint.model, "--engine-args", endpoint.engine_args),
        *("--idle-minutes", str(idle_minutes), "--background", "--name", endpoint.name),
    ]
    try:
        endpoint.prepare()
        _trim_log(endpoint)
        with endpoint.log_file.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=endpoint.directory,
                env=_environment(endpoint, api_key),
                start_new_session=True,
                creationflags=_DETACHED,
            )
    except (OSError, ValueError) as error:
        raise HostUnavailable(
            f"the model's process cannot be started: {error}",
            hint="Run `sparrow doctor` to see what is missing.",
        ) from error
    # It outlives its client; while this process lives, somebody must take its exit status.
    threading.Thread(target=process.wait, name="host exit", daemon=True).start()
    return process


def kill_host(pid: int) -> None:
    """Ends a host of this user's at once. One that has ended is no error."""
    # Windows knows no SIGKILL: there every signal ends a process at once.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))


def kill_listening_host(endpoint: Endpoint) -> None:
    """Ends the host whose address stands there, if any: for one that listens and does not answer."""
    if (address := endpoint.read_address()) is not None:
        kill_host(address.pid)


def last_log_line(endpoint: Endpoint) -> str:
    """The last line that the host logged, or nothing."""
    try:
        with endpoint.log_file.open("rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - _KEPT_LOG_BYTES))
            lines = log.read().decode(errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _environment(endpoint: Endpoint, api_key: str | None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    if api_key is not None:
        kept.pop(API_KEY_VARIABLE, None)
    if api_key:
        kept[API_KEY_VARIABLE] = api_key
    return kept | {RUNTIME_DIR_VARIABLE: str(endpoint.directory)}


def _trim_log(endpoint: Endpoint) -> None:
    """Keeps the end of a log that has grown large."""
    log = endpoint.log_file
    if not log.exists() or log.stat().st_size <= MAX_LOG_BYTES:
        return
    with log.open("rb") as file:
        file.seek(-_KEPT_LOG_BYTES, os.SEEK_END)
        kept = file.read()
    log.write_bytes(kept)
