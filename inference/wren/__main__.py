"""`python -m inference.wren`: the steps that make wren, in the order of `make wren`."""

from __future__ import annotations

import sys

from inference.wren.cli import main

sys.exit(main())
