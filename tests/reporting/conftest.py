"""The example campaigns, rendered once."""

import pytest

from tasks.reporting import ReportContents, render_report
from tests.reporting.campaigns import large_camera, one_ccd
from tests.reporting.page import Element, parse


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
