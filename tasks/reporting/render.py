"""The campaign report: one HTML file with everything in it, that asks for nothing from anywhere."""

from collections.abc import Mapping
from functools import cache

import jinja2
from markupsafe import Markup

from tasks.reporting.calibration_view import calibration_view
from tasks.reporting.causes import ExplainedCause, explain_causes
from tasks.reporting.contents import ReportContents
from tasks.reporting.selection_view import selection_view
from tasks.reporting.times import date_of, iso_of
from tasks.reporting.words import banner, commands, limits, number, plural, short
from tasks.verification.model import ExposureGroup

__all__ = ["render_report"]

MOST_RESULTS = 2000
"""Single results listed under their causes in the whole report; more are counted."""

MOST_OPEN = 24
"""Causes of one kind in the open; more are folded away."""

_KINDS = (
    ("fail", "Failures", "Each keeps its calibration from being verified."),
    ("could-not-run", "Tests that could not run", "Nothing is known, so the calibration is not verified."),
    ("warning", "Warnings", "They do not change the verdict."),
    ("waived", "Known failures, waived", "The policy forgives them, with the reason given."),
)


def render_report(contents: ReportContents) -> str:
    """Return the report of a campaign as one self-contained HTML page.

    Parameters
    ----------
    contents
        Everything that is shown.

    Returns
    -------
    str
        HTML with its style, figures and images inside. It opens offline, runs no script, and forbids the
        browser to load anything (Content-Security-Policy), so that no text of a header or the ledger can.
    """
    views = [
        calibration_view(one, contents.plan, f"calibration-{order}")
        for order, one in enumerate(contents.calibrations)
    ]
    share = MOST_RESULTS // max(1, len(views))
    names = {one.detector: one.name for view in views for one in view.ranked if one.name != str(one.detector)}
    causes = [cause for one in contents.calibrations for cause in explain_causes(one.verdict, share)]
    page = _templates().get_template("report.html.j2")
    return page.render(
        contents=contents,
        banner=banner(contents.calibrations),
        calibrations=views,
        cause_groups=[
            (kind, title, note, members)
            for kind, title, note in _KINDS
            if (members := [cause for cause in causes if cause.kind == kind])
        ],
        commands=commands(contents),
        selection=selection_view(contents.plan),
        detector_names=names,
        most_open=MOST_OPEN,
        style=_style(),
    )


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tasks.reporting"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=number,
        limits=limits,
        plural=plural,
        short=short,
        date=date_of,
        iso=iso_of,
        where=_where,
        words=_words,
        words_of=_breakable,
        unbroken=_unbroken,
    )
    environment.globals.update(groups=tuple(ExposureGroup))
    return environment


@cache
def _style() -> Markup:
    source = _templates().loader
    if source is None:  # pragma: no cover
        raise RuntimeError("the environment was made with a loader")
    text, _, _ = source.get_source(_templates(), "report.css")
    return Markup(text)


def _where(cause: ExplainedCause, names: Mapping[int, str]) -> str:
    """Say where a cause lies, in a few words."""
    parts = []
    number = cause.cause.detector
    if number is not None:
        parts.append(
            f"{names[number]} (detector {number})"
            if len(names) > 1 and number in names
            else f"detector {number}"
        )
    if cause.cause.amplifier is not None:
        parts.append(cause.cause.amplifier)
    return ", ".join(parts)


def _words(state: str) -> str:
    """Return a state such as ``awaiting-approval`` in words."""
    return state.replace("-", " ")


def _breakable(statistic: str) -> Markup:
    """Let a name such as ``ROW_MEAN_VARIANCE_SLOPE`` be broken after its underscores."""
    return Markup("_<wbr>").join(statistic.split("_"))


def _unbroken(text: str) -> Markup:
    """Keep words such as ``flat-r`` on one line."""
    word = Markup('<span class="unbroken">{}</span>')
    return Markup(" ").join(word.format(part) if "-" in part else part for part in text.split())
