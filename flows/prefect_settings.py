"""Prefect's settings for runs started from the command line; must be applied before Prefect is imported."""

import logging
import os
from pathlib import Path

__all__ = ["apply_prefect_settings"]


def apply_prefect_settings(home: Path, *, verbose: bool = False) -> None:
    """Keep Prefect's files under ``home`` and its output quiet, unless the environment says otherwise.

    Parameters
    ----------
    home
        Directory for the database of the ephemeral server; used only where PREFECT_HOME is not set.
    verbose
        Let Prefect's own log lines through.

    Notes
    -----
    With PREFECT_API_URL set, runs are recorded by that server; otherwise Prefect starts one for the length
    of the command.
    """
    os.environ.setdefault("PREFECT_HOME", str(home))
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "INFO")
    # The run keeps its log, with calprod's own lines in it; the terminal shows progress of its own.
    os.environ.setdefault("PREFECT_LOGGING_EXTRA_LOGGERS", "calprod")
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "INFO" if verbose else "CRITICAL")
    os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")
    # A task that runs in Prefect's engine logs through the root logger too; the middleware is chatty there.
    logging.getLogger("lsst").setLevel(logging.INFO if verbose else logging.ERROR)
