"""The example campaigns, rendered once."""

from dataclasses import replace

import pytest

from infra.settings.policy import Waiver
from tasks.reporting import ReportContents, render_report
from tests.reporting.campaigns import calibration, large_camera, one_ccd, report
from tests.reporting.page import Element, parse
from tests.reporting.tables import intermediates, table_calibration


@pytest.fixture(scope="session")
def latiss() -> ReportContents:
    return one_ccd()


@pytest.fixture(scope="session")
def latiss_html(latiss: ReportContents) -> str:
    return render_report(latiss)


@pytest.fixture(scope="session")
def latiss_page(latiss_html: str) -> Element:
    return parse(latiss_html)


@pytest.fixture(scope="session")
def lsstcam() -> ReportContents:
    return large_camera(n_generation=2)


@pytest.fixture(scope="session")
def lsstcam_html(lsstcam: ReportContents) -> str:
    return render_report(lsstcam)


@pytest.fixture(scope="session")
def tables() -> ReportContents:
    detector = {0: "RXX_S00"}
    curve = table_calibration(
        "ptc",
        plant={"C06": {"GAIN": 1.12}, "C02": {"READ_NOISE": 14.0}, "C13": {"A00": float("nan")}},
        whole={"N_BAD": 1.0},
        problems={"C07": "no signal: the amplifier is dead"},
        waivers=(Waiver(calibration="ptc", test="PTC_TURNOFF", amplifier="C07", reason="dead since 2022"),),
    )
    made = (
        calibration("bias", "awaiting-approval", detector, shape=(50, 50)),
        table_calibration("defects", plant={"C12": {"FRACTION": 0.05}}),
        table_calibration("linearizer"),
        curve,
        table_calibration("crosstalk"),
        calibration("flat-r", "awaiting-approval", detector, shape=(50, 50)),
    )
    return replace(report(made), intermediates=intermediates())


@pytest.fixture(scope="session")
def tables_html(tables: ReportContents) -> str:
    return render_report(tables)
