"""Every error that crosses the wire, or ends an attempt to reach a host.

    InferenceError
    ├── WireError                  the bytes are not this protocol; the connection is closed
    │   ├── FrameTooLarge
    │   ├── MalformedMessage
    │   ├── VersionMismatch
    │   └── AuthenticationFailed
    ├── RequestRefused             understood, and refused; the connection goes on
    │   ├── UnknownChunk           the layout names a chunk that the host does not hold
    │   ├── UnknownLayout          the request names a layout that the host does not hold
    │   ├── PromptTooLong
    │   ├── Overloaded
    │   ├── NotReady               the engine is still loading
    │   └── UnsupportedRequest     the engine cannot do what was asked
    ├── EngineFailed               the engine could not load, or died; the host ends
    │   └── UnknownModel
    ├── HostUnavailable            no host could be started or reached
    │   └── HostHangs              one listens, and does not answer
    └── DownloadFailed             a checkpoint could not be downloaded; never on the wire

Each class has a `code`, which is what travels. `hint` says what the user can do about it.
"""

from __future__ import annotations

from typing import ClassVar

from inference.surrogates import whole_characters


class InferenceError(Exception):
    code: ClassVar[str] = "inference_error"

    def __init__(self, message: str, hint: str = "") -> None:
        # It may quote a server or the name of a file, and must be told whatever these hold.
        self.message = whole_characters(message)
        self.hint = whole_characters(hint)
        super().__init__(self.message)


class WireError(InferenceError):
    code = "wire_error"


class FrameTooLarge(WireError):
    code = "frame_too_large"


class MalformedMessage(WireError):
    code = "malformed_message"


class VersionMismatch(WireError):
    code = "version_mismatch"


class AuthenticationFailed(WireError):
    code = "authentication_failed"


class RequestRefused(InferenceError):
    code = "request_refused"


class UnknownChunk(RequestRefused):
    code = "unknown_chunk"


class UnknownLayout(RequestRefused):
    code = "unknown_layout"


class PromptTooLong(RequestRefused):
    code = "prompt_too_long"


class Overloaded(RequestRefused):
    code = "overloaded"


class NotReady(RequestRefused):
    code = "not_ready"


class UnsupportedRequest(RequestRefused):
    code = "unsupported_request"


class EngineFailed(InferenceError):
    code = "engine_failed"


class UnknownModel(EngineFailed):
    code = "unknown_model"


class HostUnavailable(InferenceError):
    code = "host_unavailable"


class HostHangs(HostUnavailable):
    code = "host_hangs"


class DownloadFailed(InferenceError):
    code = "download_failed"


def _tree(cls: type[InferenceError]) -> dict[str, type[InferenceError]]:
    found = {cls.code: cls}
    for child in cls.__subclasses__():
        found |= _tree(child)
    return found


_BY_CODE = _tree(InferenceError)


def from_code(code: str, message: str, hint: str = "") -> InferenceError:
    """The exception that a peer's `code` stands for; an unknown code is a plain `InferenceError`."""
    return _BY_CODE.get(code, InferenceError)(message, hint)
