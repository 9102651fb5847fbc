"""`python -m inference serve`: how a client starts a host; `download`, what a host never does."""

import click

from inference.cli import serve
from inference.download_cli import download

# Guarded, since an engine may start processes that import this module again.
if __name__ == "__main__":
    click.Group(commands=[serve, download]).main(prog_name="python -m inference")
