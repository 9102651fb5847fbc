"""`python -m inference serve`: how a client starts a host."""

import click

from inference.cli import serve

# Guarded, since an engine may start processes that import this module again.
if __name__ == "__main__":
    click.Group(commands=[serve]).main(prog_name="python -m inference")
