"""Texts that would be markup, and campaigns with nothing to show."""

import re
from dataclasses import replace

import numpy as np
import pytest

from infra.errors import CalprodError
from tasks.reporting import (
    BinnedImage,
    CalibrationContents,
    DatasetEntry,
    ReportContents,
    Residual,
    render_report,
)
from tasks.verification.model import Outcome, TestResult, Verdict, VerdictOutcome
from tasks.verification.rollup import roll_up
from tests.reporting.campaigns import calibration, empty_calibration, not_passed, report
from tests.reporting.measured import exposures_of
from tests.reporting.page import ATTRIBUTES, listed, parse

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>&lt;{{ 7*7 }}{% raise %}$\\frac{1}{"


def hostile_contents() -> ReportContents:
    key = "flat-" + HOSTILE
    failed = TestResult(
        calibration=key,
        exposure=12,
        detector=3,
        amplifier=HOSTILE,
        test=HOSTILE,
        outcome=Outcome.FAIL,
        value=2.0,
        upper_limit=1.0,
        unit=HOSTILE,
        reason=HOSTILE,
    )
    waived = failed.model_copy(update={"exposure": 13, "waived": HOSTILE})
    verdict = roll_up([failed, waived], key, HOSTILE)
    good = calibration("bias", HOSTILE, {0: HOSTILE}, shape=(40, 41))
    bad = replace(
        good,
        key=key,
        verdict=verdict,
        unit=HOSTILE,
        residual_unit=HOSTILE,
        amplifier_tests=(),
        priors={HOSTILE: HOSTILE},
        collections={HOSTILE: HOSTILE},
        datasets=(DatasetEntry(0, HOSTILE, HOSTILE, HOSTILE),),
        gate_digest=HOSTILE,
    )
    plan = {
        "sets": [
            {
                "name": HOSTILE,
                "observation_type": HOSTILE,
                "physical_filter": HOSTILE,
                "exposure_time": 1.0,
                "exposures": [1],
                "begin_tai": 60000.0,
                "end_tai": 60000.1,
            }
        ],
        "exposures": [
            {
                "exposure": 1,
                "calibration": HOSTILE,
                "role": HOSTILE,
                "reason": HOSTILE,
                "evidence": {HOSTILE: [HOSTILE]},
            }
        ],
        "shortages": [{"calibration": HOSTILE, "reason": HOSTILE, "advice": HOSTILE}],
        "warnings": [HOSTILE],
        "digest": HOSTILE,
    }
    return ReportContents(
        campaign=HOSTILE,
        instrument=HOSTILE,
        day_obs=20240326,
        producer=HOSTILE,
        when=HOSTILE,
        calibrations=(replace(good, state="verified"), bad),
        plan=plan,
        versions={HOSTILE: HOSTILE},
        replay_script=HOSTILE,
        repository=HOSTILE,
    )


def test_no_text_of_header_or_ledger_becomes_markup() -> None:
    html = render_report(hostile_contents())
    page = parse(html)
    assert "<script" not in html
    assert not page.find("script")
    assert not page.find("img")
    assert {name for one in page.walk() for name in one.attributes} <= ATTRIBUTES
    shown = re.sub(r"\s+", " ", HOSTILE)
    assert page.one("html").text.count(shown) >= 40
    assert not re.search(r"\b49\b", html)


def test_a_campaign_without_calibrations_says_so() -> None:
    page = parse(render_report(report(())))
    assert page.one("h1").text == "? Nothing was made"
    assert "The campaign holds no calibration." in page.text
    assert "Nothing waits for a decision." in page.text


def test_a_calibration_without_statistics_images_or_plan_is_shown() -> None:
    failed = TestResult(
        calibration="bias",
        exposure=7,
        detector=0,
        amplifier="C01",
        test="NOISE",
        outcome=Outcome.FAIL,
        value=9.0,
    )
    contents = replace(report((empty_calibration("bias", "failed-verification", failed),)), plan={})
    page = parse(render_report(contents))
    assert page.one("h1").text == "✕ bias fails verification"
    assert listed(page) == not_passed(contents)
    assert "Only what did not pass is known here." in page.text
    assert "No plan is on record." in page.text


def test_images_without_any_value_are_drawn() -> None:
    nothing = np.full((10, 12), np.nan, np.float32)
    row = Residual(1, exposures_of("bias")[0][1], 60000.0, nothing)
    contents = replace(empty_calibration(), combined={0: BinnedImage(nothing)}, residuals={0: (row,)})
    page = parse(render_report(report((contents,))))
    assert "no value" in page.one("section", id="calibration-0").text


def test_a_verdict_under_a_foreign_name_is_refused() -> None:
    verdict = Verdict(calibration="dark", outcome=VerdictOutcome.VERIFIED)
    with pytest.raises(CalprodError, match="verdict on dark cannot stand under bias"):
        CalibrationContents(key="bias", state="verified", verdict=verdict, unit="electron")
