"""A plugin that vLLM loads in each of its processes: those of a Sparrow host end with the host.

vLLM's engine and worker processes do not notice when the process that started them is killed, and go
on holding the GPU's memory. On Linux the kernel can tell them. vLLM finds `register` by the entry
point `vllm.general_plugins`; in processes that no Sparrow host started it does nothing.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

HOST_VARIABLE = "SPARROW_HOST_PID"
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def register() -> None:
    """Asks the kernel to kill this process when its parent dies; not in the host itself."""
    host = os.environ.get(HOST_VARIABLE)
    if not sys.platform.startswith("linux") or host is None or host == str(os.getpid()):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == 1:  # it died before it was asked
        os.kill(os.getpid(), signal.SIGKILL)
