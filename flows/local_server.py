"""The server that Prefect starts for the length of a command, and that must end with it."""

import os
import subprocess

from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import PREFECT_API_URL

__all__ = ["start_local_server"]

_guards: list["subprocess.Popen[bytes]"] = []


def start_local_server() -> None:
    """Start Prefect's own server for this process, unless the environment names another.

    Notes
    -----
    Prefect stops its server when the process exits, but one that is killed leaves it behind, and every
    attempt after it one more. Here a shell waits at the end of a pipe that only this process holds: it closes
    with the process, and the shell then stops the server.
    """
    if PREFECT_API_URL.value() or _guards:
        return
    server = SubprocessASGIServer()
    server.start()
    if server.server_process is None or os.name != "posix":
        return
    _guards.append(
        subprocess.Popen(
            ["/bin/sh", "-c", 'read -r _; kill "$0" 2>/dev/null', str(server.server_process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # an interrupt at the terminal is not for it
        )
    )
