"""The replay script: a campaign as plain shell, with public commands and all values filled in."""

from collections.abc import Iterable
from dataclasses import dataclass

from infra.instruments import CAMERAS

__all__ = ["ReplayStep", "replay_script"]

_HEAD = """\
#!/usr/bin/env bash
# Replay of campaign {campaign}
# {summary}
#
# Every command below was run with just these values. It needs the raws: a repository to which the
# instrument has been added and into which the same exposures have been ingested, and nothing else:
#
#   calprod init NEW_REPO {camera}
#   calprod ingest NEW_REPO RAW_FILE...
#
# Read it, then run it with:  REPO=NEW_REPO REPLAY=yes bash {name}
# Exporting is left out unless EXPORTS names a directory, delivering unless SITE names another repository.
set -euo pipefail
: "${{REPO:?set REPO to the repository to replay into}}"
if [ "${{REPLAY:-}}" != yes ]; then
    echo "this writes calibrations into $REPO; read it first, then set REPLAY=yes" >&2
    exit 2
fi
for tool in pipetask butler; do
    command -v "$tool" >/dev/null || {{ echo "$tool is not on the PATH" >&2; exit 2; }}
done
# Pipelines of the software that made the campaign; point it elsewhere if they were installed elsewhere.
PIPELINES="${{PIPELINES:-{pipelines}}}"
"""

_DESCRIBED = """\
# {instrument} is described by a file, which calprod init leaves in the repository.
export CALPROD_CAMERA="${{CALPROD_CAMERA:-$REPO/calprod/camera.yaml}}"
"""


@dataclass(frozen=True, slots=True)
class ReplayStep:
    """One step of a campaign and the public commands that do the same."""

    title: str
    """What the step does, in a few words."""
    commands: tuple[str, ...]
    """Shell lines; ``$REPO`` and ``$PIPELINES`` stand for the repository and the pipelines."""
    needs: str | None = None
    """Variable without which the step is left out, such as ``EXPORTS``."""


def replay_script(
    campaign: str, instrument: str, steps: Iterable[ReplayStep], *, pipelines: str, summary: str, name: str
) -> str:
    """Return the script.

    Parameters
    ----------
    campaign
        Name of the campaign.
    instrument
        Instrument of the campaign.
    steps
        Steps in the order they were first completed.
    pipelines
        Directory the pipelines were read from.
    summary
        One line on what the campaign made and when.
    name
        File name of the script, for its own instructions.

    Notes
    -----
    Only what was done stands in it: a step that was never reached has no line, and a step that was
    repeated after a crash has one.
    """
    lines = [
        _HEAD.format(
            campaign=_one_line(campaign),
            summary=_one_line(summary),
            camera=f"--instrument {instrument}" if instrument in CAMERAS else "--camera FILE",
            pipelines=pipelines,
            name=name,
        )
    ]
    if instrument not in CAMERAS:
        lines.append(_DESCRIBED.format(instrument=instrument))
    for step in steps:
        lines.append(f"\n# {_one_line(step.title)}\n{_body(step)}\n")
    return "".join(lines)


def _body(step: ReplayStep) -> str:
    commands = "\n".join(step.commands)
    if step.needs is None:
        return commands
    indented = "\n".join(f"    {line}" for line in commands.splitlines())
    return f'if [ -n "${{{step.needs}:-}}" ]; then\n{indented}\nfi'


def _one_line(text: str) -> str:
    """Keep a comment a comment, whatever stands in the text."""
    return " ".join(text.split())
