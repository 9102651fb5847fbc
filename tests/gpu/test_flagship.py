"""What the host promises, kept on the flagship's real shape: the very tests of the tiny models."""

from __future__ import annotations

import pytest

from tests.with_vllm.test_serving import *  # noqa: F403 - all of them, whichever there are

pytestmark = pytest.mark.gpu
