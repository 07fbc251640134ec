"""Which campaign a command goes on with, and what stands in the way of an approval."""

import json
import re
import shutil
from pathlib import Path

from lsst.daf.butler import Butler

from infra.ledger import Step
from infra.workspace import open_workspace
from tasks.select import open_campaign
from tests.flows.walk import (
    CAMPAIGN,
    DAY,
    KEYS,
    SITE,
    Place,
    approve,
    calprod,
    digests,
    release,
    show,
    states,
)


def test_a_run_of_a_finished_day_changes_nothing_until_it_is_decided(produced: Place) -> None:
    before = digests(produced)
    calprod("run", produced.repository, "--day-obs", DAY).must()
    assert digests(produced) == before
    assert len(produced.entries("generate")) == 3
    assert [one["campaign"] for one in produced.entries("campaign", "started")] == [
        f"LATISS/calprod/nightly/{CAMPAIGN}"
    ]


def test_after_a_rejection_the_day_is_made_anew_when_asked(produced: Place) -> None:
    calprod("reject", CAMPAIGN, "-b", produced.repository, "--reviewer", "vera", "--reason", "stripes").must()
    refused = release(produced)
    assert refused.status == 1
    assert "nothing of LATISS/calprod/nightly/20240321a is approved: bias is rejected" in refused.err
    (day,) = json.loads(calprod("days", produced.repository, "--json").must().out)
    assert day["state"] == "done"  # the service does not make again what people refused
    calprod("run", produced.repository, "--day-obs", DAY, "--calib", "bias").must()
    assert states(produced, f"{DAY}b") == {"bias": "awaiting-approval"}


def test_what_was_made_with_a_rejected_bias_cannot_be_approved(produced: Place) -> None:
    calprod(
        *("reject", CAMPAIGN, "-b", produced.repository, "--reviewer", "vera"),
        *("--reason", "stripes", "--only", "bias"),
    ).must()
    refused = calprod(
        *("approve", CAMPAIGN, "-b", produced.repository, "--reviewer", "vera", "--begin", DAY),
        *("--accept-failures", "few pixels"),
    )
    assert refused.status == 1
    assert (
        "dark of LATISS/calprod/nightly/20240321a was made with its bias, which was rejected" in refused.err
    )
    assert states(produced)["dark"] == "awaiting-approval"


def test_other_exposures_than_those_of_the_unfinished_campaign_are_not_ignored(produced: Place) -> None:
    chosen = ",".join(str(DAY * 100000 + number) for number in (2, 3, 5, 6, 7))
    refused = calprod(
        *("run", produced.repository, "--day-obs", DAY, "--calib", "bias", "--exposures", chosen),
        *("--override-reason", "a test"),
    )
    assert refused.status == 2
    assert "combines other exposures into bias" in refused.err
    assert "--new" in refused.err


def test_a_campaign_of_one_calibration_does_not_keep_the_day_from_the_others(ingested: Place) -> None:
    with open_workspace(ingested.repository) as workspace:
        first = open_campaign(workspace, DAY, "ann", calibrations=("bias",))
        again = open_campaign(workspace, DAY, "ann", calibrations=("bias",))
        whole = open_campaign(workspace, DAY, "calprod")
        part = open_campaign(workspace, DAY, "ann", calibrations=("dark",))
    assert [str(one.name) for one in (first, again)] == [f"LATISS/calprod/nightly/{DAY}a"] * 2
    assert [str(one.name) for one in (whole, part)] == [f"LATISS/calprod/nightly/{DAY}b"] * 2
    assert [str(planned.key) for planned in whole.calibrations] == list(KEYS)


def test_a_day_is_not_done_before_people_have_been_asked(ingested: Place) -> None:
    # A run that is killed between the last verification and the question must be gone on with.
    def day_state() -> str:
        (day,) = json.loads(calprod("days", ingested.repository, "--json").must().out)
        return day["state"]

    assert day_state() == "ready"
    with open_workspace(ingested.repository) as workspace:
        campaign = open_campaign(workspace, DAY, "ann")
        about = {"who": "ann", "campaign": str(campaign.name)}
        for key in KEYS:
            for step, status, outcome in (
                ("generate", "started", None),
                ("generate", "done", None),
                ("verify", "done", "verified"),
            ):
                workspace.ledger.record(
                    Step(step=step, status=status, outcome=outcome, calibration=key, **about)
                )
        assert day_state() == "ready"
        for key in KEYS:
            workspace.ledger.record(Step(step="approve", status="started", calibration=key, **about))
        assert day_state() == "done"


def flip_a_byte(place: Place, key: str) -> Path:
    """Change one byte of the pixels of a candidate's file."""
    with Butler.from_config(str(place.repository)) as butler:
        ref = butler.get_dataset(show(place)[key]["datasets"][0]["uuid"])
        path = Path(butler.getURI(ref).ospath)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    return path


def test_an_approval_is_void_when_a_byte_changes(produced: Place) -> None:
    approve(produced)
    shutil.copy(path := flip_a_byte(produced, "bias"), produced.root / "flipped")
    refused = release(produced)
    assert refused.status == 1
    assert re.search(r"the approval of bias \(digest \w{12}, now \w{12}\) of \S+ is void", refused.err)
    assert produced.entries("certify") == []
    assert states(produced)["bias"] == "expired"
    with Butler.from_config(str(produced.repository)) as butler:
        assert "LATISS/calib" not in butler.collections.query("*")

    # Nobody is asked about a file that is not the one that was made and verified.
    asked = calprod("run", produced.repository, "--day-obs", DAY)
    assert asked.status == 1
    assert "files of bias of LATISS/calprod/nightly/20240321a are not those that were made" in asked.err

    # What did not change need not wait; and restored, the bias is asked about and released.
    release(produced).must()
    assert states(produced) == {"bias": "expired", "dark": f"deployed({SITE})", "flat-r": f"deployed({SITE})"}
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    calprod("run", produced.repository, "--day-obs", DAY).must()
    approve(produced)
    assert states(produced)["bias"] == "approved"


def test_a_byte_that_changes_before_the_decision_is_noticed_then(produced: Place) -> None:
    flip_a_byte(produced, "dark")
    refused = calprod(
        *("approve", CAMPAIGN, "-b", produced.repository, "--reviewer", "vera", "--begin", DAY),
        *("--accept-failures", "few pixels"),
    )
    assert refused.status == 1
    assert "dark of LATISS/calprod/nightly/20240321a is no longer what vera looked at" in refused.err
    assert produced.entries("decide") == []
    assert set(states(produced).values()) == {"awaiting-approval"}
