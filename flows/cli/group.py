"""The ``calprod`` command: finds its verbs by name, and says what went wrong in one line."""

import importlib
import sys

import click

from infra.errors import CalprodError

__all__ = ["main"]

_VERBS = {
    "demo": "simulate a LATISS calibration night and take it all the way to two matching sites",
    "init": "make a Butler repository for an instrument",
    "ingest": "take raw files into a repository",
    "simulate": "write the raw files of a simulated calibration night",
    "days": "calibration days, what they hold, which are done",
    "plan": "every exposure of a day with its one reason",
    "run": "generate and verify calibrations, up to the gate",
    "status": "campaigns and the state of each calibration",
    "show": "collections, datasets, digests and verdict of a campaign",
    "report": "where the report of a campaign is; make it again",
    "record": "the campaign as a plain shell script of public commands",
    "approve": "let calibrations of a campaign be released",
    "reject": "refuse calibrations of a campaign",
    "release": "certify, chain, export and sync what was approved; resumable",
    "sync": "bring a site to what was released",
    "compare": "prove that sites resolve the same calibrations",
    "curate": "bring in a crosstalk matrix or defects that a person has approved",
    "exclude": "keep an exposure, detector or amplifier out of every selection",
    "trend": "a metric over time",
}


class _Verbs(click.Group):
    """Group that imports a verb's module only when the verb is used: ``--help`` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _VERBS:
            return None
        module = importlib.import_module(f"flows.cli.{cmd_name}")
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_VERBS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        import difflib

        if args and args[0] not in _VERBS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], _VERBS, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else " See 'calprod --help'."
            raise click.UsageError(f"No such command '{args[0]}'.{hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="calprod")
def _calprod() -> None:
    """Calibration production for CCD cameras: select, generate, verify, approve, certify, deliver.

    A first look: calprod demo
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with 0 (done), 1 (it failed) or 2 (asked wrongly)."""
    try:
        status = _calprod.main(args=arguments, prog_name="calprod", standalone_mode=False)
    except click.exceptions.Exit as leaving:
        status = leaving.exit_code
    except click.ClickException as error:
        click.echo(f"{_asked(error)}: {_one_line(error.format_message())}", err=True)
        status = error.exit_code
    except click.Abort:
        click.echo("calprod: interrupted; run the same command again to go on", err=True)
        status = 1
    except CalprodError as error:
        click.echo(f"calprod: {_one_line(str(error))}", err=True)
        status = error.exit_status
    except OSError as error:
        if error.filename is None:
            raise  # not about a file that somebody named
        click.echo(f"calprod: {error.filename}: {error.strerror}", err=True)
        status = 1
    sys.exit(status if isinstance(status, int) else 0)


def _asked(error: click.ClickException) -> str:
    """Return the command that was asked wrongly, such as ``calprod run``."""
    context = getattr(error, "ctx", None)
    verb = context.info_name if context is not None and context.parent is not None else None
    return f"calprod {verb}" if verb else "calprod"


def _one_line(text: str) -> str:
    return " ".join(text.split())
