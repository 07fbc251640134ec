"""Steps go in, entries come out, and nothing changes them."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from infra.errors import LedgerError
from infra.ledger import CalibrationState, Campaign, Ledger, Step
from infra.ledger.clock import set_clock
from infra.redaction import HIDDEN
from tests.ledger.conftest import behind_the_back


def test_a_step_comes_back_as_it_was(ledger: Ledger, campaign: Campaign) -> None:
    step = Step(
        step="generate",
        status="failed",
        who="ann",
        campaign=campaign.name,
        calibration=None,
        parameters={
            "path": Path("a/b"),
            "uuid": UUID(int=5),
            "noise": float("nan"),
            "set": {3, 1},
            "n": np.int64(4),
        },
        command="pipetask run -b REPO",
        versions={"calprod": "0.1.0"},
        inputs=(2024032600001, "x"),
        outcome="no space left",
        digest="e" * 64,
        when=datetime(2024, 3, 27, 16, 35, 18, tzinfo=UTC),
    )
    made = ledger.record(step)
    (read,) = ledger.entries(step="generate")
    assert read == made
    assert read.parameters == {
        "path": "a/b",
        "uuid": "00000000-0000-0000-0000-000000000005",
        "noise": "NaN",
        "set": [1, 3],
        "n": 4,
    }
    assert (read.command, read.versions, read.inputs) == (step.command, step.versions, step.inputs)
    assert (read.outcome, read.digest, read.who) == ("no space left", "e" * 64, "ann")
    assert read.when_utc == "2024-03-27T16:35:18.000000Z"
    assert read.when_tai == "2024-03-27T16:35:55.000000"  # TAI − UTC is 37 s since 2017


def test_entries_are_chosen_by_campaign_step_and_calibration(ledger: Ledger, campaign: Campaign) -> None:
    for key in ("bias", "dark"):
        ledger.record(Step(step="select", status="done", who="ann", campaign=campaign.name, calibration=key))
    ledger.record(Step(step="detect", status="done", who="ann"))
    assert [entry.sequence for entry in ledger.entries()] == [1, 2, 3, 4]
    assert [entry.calibration for entry in ledger.entries(campaign.name, "select")] == ["bias", "dark"]
    assert [entry.sequence for entry in ledger.entries(calibration="dark")] == [3]
    assert [entry.sequence for entry in ledger.entries(after=3)] == [4]


def test_several_steps_are_recorded_together_or_not_at_all(ledger: Ledger, campaign: Campaign) -> None:
    good = Step(step="select", status="done", who="ann", campaign=campaign.name, calibration="bias")
    bad = Step(step="certify", status="done", who="ann", campaign=campaign.name, calibration="bias")
    with pytest.raises(Exception, match="bias is planned and cannot become certified"):
        ledger.record_all([good, bad])
    assert len(ledger.entries()) == 1
    ledger.record_all([good, good])
    assert ledger.states(campaign.name) == {"bias": CalibrationState.PLANNED}


def test_the_database_itself_refuses_to_change_an_entry(
    ledger: Ledger, campaign: Campaign, address: str
) -> None:
    statements = ["UPDATE entries SET who = 'eve'", "DELETE FROM entries"]
    if not address.startswith("sqlite"):  # which has no TRUNCATE
        statements.append("TRUNCATE entries")
    for statement in statements:
        with pytest.raises(DBAPIError, match="append-only"), behind_the_back(address) as connection:
            connection.execute(text(statement))
    assert ledger.entries()[0].who == "ann"
    assert ledger.verify() == []


def test_no_secret_reaches_the_database(ledger: Ledger, campaign: Campaign, address: str) -> None:
    planted = "hunter2-planted"
    ledger.record(
        Step(
            step="sync",
            status="failed",
            who="ann",
            campaign=campaign.name,
            parameters={
                "password": planted,
                "deep": [{"apiToken": planted, "url": f"postgresql://calprod:{planted}@db/ledger"}],
                "author": "ann",
            },
            command=f"CALPROD_PASSWORD={planted} calprod sync --token {planted} s3://bucket",
            versions={"index": f"https://user:{planted}@mirror/simple"},
            inputs=(f"https://store/x?X-Amz-Signature={planted}",),
            outcome=f"cannot log in at ftp://ann:{planted}@host/",
        )
    )
    entry = ledger.entries(step="sync")[0]
    assert planted not in repr(entry)
    assert repr(entry).count(HIDDEN) == 8
    assert entry.parameters["author"] == "ann"
    with behind_the_back(address) as connection:
        assert planted not in repr(connection.execute(text("SELECT * FROM entries")).all())


def test_a_step_without_an_author_is_refused(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="step 'detect' has no author"):
        ledger.record(Step(step="detect", status="done", who=" "))


def test_a_campaign_nobody_opened_is_refused(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="there is no campaign 'LATISS/x/y/20240101a'"):
        ledger.record(Step(step="select", status="done", who="ann", campaign="LATISS/x/y/20240101a"))
    assert ledger.entries() == ()


def test_a_value_without_a_plain_form_is_refused_by_its_type(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="type object cannot be recorded"):
        ledger.record(Step(step="detect", status="done", who="ann", parameters={"thing": object()}))
    assert ledger.verify() == []


def test_time_comes_from_the_clock_in_force(ledger: Ledger) -> None:
    with set_clock(datetime(2031, 1, 1, tzinfo=UTC)):
        entry = ledger.record(Step(step="detect", status="done", who="ann"))
    assert entry.when_utc == "2031-01-01T00:00:00.000000Z"


def test_a_machine_with_its_clock_at_1970_is_told(ledger: Ledger) -> None:
    with set_clock(datetime(1970, 1, 1, tzinfo=UTC)), pytest.raises(LedgerError, match="before 2017"):
        ledger.record(Step(step="detect", status="done", who="ann"))
