"""The command line: one module per verb, each imported only when it is called."""

from flows.cli.group import main

__all__ = ["main"]
