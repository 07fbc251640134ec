"""A whole night on a short scale: from raws to two sites, against the truth of the simulated camera."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from lsst.daf.butler import Butler

from flows.nightly import nightly
from flows.parameters import NightlyParameters
from infra.butler.images import calibration_image
from infra.ledger import Step
from infra.raws.reader import read_raw
from infra.simulator import load_truth
from infra.workspace import open_workspace
from tasks.combine.stack import combine_rows
from tasks.select import open_campaign
from tests.flows.walk import DAY, FAILING, KEYS, SITE, Place, calprod

CAMPAIGN = f"{DAY}a"
N_COMBINED = 6


def show(place: Place, campaign: str = CAMPAIGN) -> dict[str, dict]:
    """Return what ``calprod show`` says of each calibration."""
    summary = json.loads(calprod("show", campaign, "-b", place.repository, "--json").must().out)
    return {one["calibration"]: one for one in summary["calibrations"]}


def digests(place: Place, campaign: str = CAMPAIGN) -> dict[str, str]:
    return {
        key: one["datasets"][0]["image_digest"]
        for key, one in show(place, campaign).items()
        if one["datasets"]
    }


def states(place: Place, campaign: str = CAMPAIGN) -> dict[str, str]:
    return {key: one["state"] for key, one in show(place, campaign).items()}


def approve(place: Place, *more: object, campaign: str = CAMPAIGN) -> None:
    calprod(
        *("approve", campaign, "-b", place.repository, "--reviewer", "vera", "--begin", DAY),
        *("--accept-failures", "few pixels", *more),
    ).must()


def release(place: Place, campaign: str = CAMPAIGN):
    return calprod("release", campaign, "-b", place.repository)


# ---- selection


def test_every_planted_fault_is_named_in_the_plan(produced_template: Place) -> None:
    plan = json.loads(calprod("plan", produced_template.repository, "--day-obs", DAY, "--json").must().out)
    excluded = {row["exposure"]: row["reason"] for row in plan["exposures"] if row["role"] == "excluded"}
    truth = load_truth(produced_template.raws)
    words = {
        "other-sequencer": "SEQNAME",
        "light-leak": "light leak",
        "saturated": "saturated",
        "truncated": "truncated",
    }
    planted = {one.exposure: one.fault for one in truth.faults}
    assert sorted(planted.values()) == sorted(words)
    assert excluded.keys() == planted.keys()
    for exposure, fault in planted.items():
        assert words[fault] in excluded[exposure]


def test_every_exposure_has_exactly_one_reason_for_each_calibration(produced_template: Place) -> None:
    plan = json.loads(calprod("plan", produced_template.repository, "--day-obs", DAY, "--json").must().out)
    rows = [(row["exposure"], row["calibration"]) for row in plan["exposures"]]
    assert len(set(rows)) == len(rows)
    truth = load_truth(produced_template.raws)
    assert {row["exposure"] for row in plan["exposures"]} == {one.exposure for one in truth.exposures}
    assert all(row["reason"] for row in plan["exposures"])


# ---- injected truth


@pytest.fixture(scope="module")
def layout(raws: Path):
    return read_raw(min(raws.glob("*.fits")), headers_only=True).layout


@pytest.fixture(scope="module")
def combined(produced_template: Place):
    """Return the combined image of each calibration."""
    with Butler.from_config(str(produced_template.repository)) as butler:
        return {
            key: calibration_image(
                butler.get(
                    key.partition("-")[0],
                    instrument="LATISS",
                    detector=0,
                    **({"physical_filter": "SDSSr_65mm~empty"} if key == "flat-r" else {}),
                    collections=[one["run"]],
                )
            )
            for key, one in show(produced_template).items()
        }


@pytest.fixture(scope="module")
def scatter_ratio() -> float:
    """Mean squared error over mean variance plane, of Gaussian samples; 1 only for very many samples.

    The clip rule drops samples that are sound, and its variance is not corrected for that; the more so the
    fewer there are. Of 6 it is 1.36, known here to 0.3 %.
    """
    samples = np.random.default_rng(20240321).normal(size=(N_COMBINED, 400, 1000)).astype(np.float32)
    rows = combine_rows(samples)
    return float((rows.mean.astype(np.float64) ** 2).mean() / rows.variance.astype(np.float64).mean())


def chi_squared(image, truth, variance, sound) -> float:
    """Mean squared deviation from the truth over the mean variance expected of it."""
    return float(((image - truth)[sound] ** 2).mean() / variance[sound].mean())


# 98 000 pixels give the mean of squares to sqrt(2 / 98 000) = 0.45 %; the tails of a mean of few samples and
# the noise that rows and columns share through their overscan medians make it 0.6 %; the ratio adds 0.3 %.
# Five times that:
WITHIN = pytest.approx(1.0, abs=0.035)
# 6100 pixels of an amplifier: 2.4 %.
WITHIN_AMPLIFIER = pytest.approx(1.0, abs=0.12)


def planes(combined, raws: Path, layout, scatter_ratio: float):
    """Yield key, image, truth, expected variance and sound pixels of each calibration."""
    truth = load_truth(raws)
    gain = np.zeros(truth.image_shape)
    for amplifier, true in zip(layout.amplifiers, truth.amplifiers, strict=True):
        gain[amplifier.image_box.slices] = true.gain
    defects = truth.image("defects") > 0
    expected = {
        "bias": truth.image("bias") * gain,
        "dark": truth.image("dark"),
        "flat-r": truth.image("flat-SDSSr_65mm~empty"),
    }
    dark_time = next(one.dark_time for one in truth.exposures_of("dark"))
    variance = {key: image.variance.astype(np.float64) * scatter_ratio for key, image in combined.items()}
    # The bias is the same in every dark: its error comes on top of what the darks' own scatter tells.
    variance["dark"] = variance["dark"] + variance["bias"] / dark_time**2
    for key, image in combined.items():
        yield key, image.image.astype(np.float64), expected[key], variance[key], (image.mask == 0) & ~defects


def test_combined_images_agree_with_the_truth_within_their_errors(
    combined, raws: Path, layout, scatter_ratio: float
) -> None:
    found = {
        key: chi_squared(image, truth, variance, sound)
        for key, image, truth, variance, sound in planes(combined, raws, layout, scatter_ratio)
    }
    assert found == dict.fromkeys(KEYS, WITHIN)


def test_so_does_every_amplifier(combined, raws: Path, layout, scatter_ratio: float) -> None:
    found = {
        (key, amplifier.name): chi_squared(*(plane[amplifier.image_box.slices] for plane in each))
        for key, *each in planes(combined, raws, layout, scatter_ratio)
        for amplifier in layout.amplifiers
    }
    assert len(found) == 3 * 16
    assert found == dict.fromkeys(found, WITHIN_AMPLIFIER)


def test_the_level_of_each_is_the_true_one(combined, raws: Path, layout, scatter_ratio: float) -> None:
    # A common offset that hides in the noise of single pixels would show here: 5 standard errors of the mean,
    # with the noise shared by rows and columns four times that of independent pixels.
    for key, image, truth, variance, sound in planes(combined, raws, layout, scatter_ratio):
        error = 4 * np.sqrt(variance[sound].mean() / sound.sum())
        offset = image[sound].mean() - truth[sound].mean()
        assert abs(offset) < 5 * error + (1.5e-4 if key == "flat-r" else 0), key


# ---- the same again


def test_the_nightly_flow_finds_the_day_and_makes_the_same_images(
    ingested: Place, produced_template: Place
) -> None:
    parameters = NightlyParameters(repository=ingested.repository, producer="calprod")
    assert nightly(parameters) == (f"LATISS/calprod/nightly/{CAMPAIGN}",)
    assert nightly(parameters) == ()
    assert digests(ingested) == digests(produced_template)
    assert len(digests(ingested)) == 3


def replay(place: Place, script: str) -> subprocess.CompletedProcess[str]:
    path = place.root / "replay.sh"
    path.write_text(script)
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", path],
        env={**os.environ, "PATH": tools, "REPO": str(place.repository), "REPLAY": "yes"},
        capture_output=True,
        text=True,
        check=False,
    )


def image_of(place: Place, run: str, kind: str, **data_id: object):
    with Butler.from_config(str(place.repository)) as butler:
        return calibration_image(
            butler.get(kind, instrument="LATISS", detector=0, collections=[run], **data_id)
        )


def test_the_replay_script_makes_the_same_image_elsewhere(ingested: Place, produced_template: Place) -> None:
    from infra.butler.images import image_digest

    script = calprod("record", CAMPAIGN, "-b", produced_template.repository).must().out
    head, *steps = re.split(r"^(?=# make |# verify )", script, flags=re.MULTILINE)
    assert [step.splitlines()[0] for step in steps] == [
        f"# {verb} {key}" for key in KEYS for verb in ("make", "verify")
    ]
    done = replay(ingested, head + steps[0])
    assert done.returncode == 0, done.stderr
    bias = show(produced_template)["bias"]
    image = image_of(ingested, bias["run"], "bias")
    assert image_digest(image) == bias["datasets"][0]["image_digest"]


@pytest.mark.slow
def test_the_whole_replay_script_makes_the_same_images_elsewhere(ingested: Place, produced: Place) -> None:
    from infra.butler.images import image_digest

    approve(produced)
    release(produced).must()
    script = calprod("record", CAMPAIGN, "-b", produced.repository).must().out
    done = replay(ingested, script)
    assert done.returncode == 0, done.stderr
    for key, one in show(produced).items():
        filters = {"physical_filter": "SDSSr_65mm~empty"} if key == "flat-r" else {}
        image = image_of(ingested, one["run"], key.partition("-")[0], **filters)
        assert image_digest(image) == one["datasets"][0]["image_digest"]
    with Butler.from_config(str(ingested.repository)) as butler:
        assert set(butler.collections.get_info("LATISS/calib/calprod").children) == {
            collection for one in show(produced).values() for collection in one["certified"]
        }


def test_a_replay_asks_for_consent_and_for_a_repository(produced_template: Place) -> None:
    script = produced_template.repository / "calprod" / "campaigns" / CAMPAIGN / "replay.sh"
    done = subprocess.run(
        ["bash", script], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "set REPO" in done.stderr
    done = subprocess.run(
        ["bash", script],
        env={"PATH": os.environ["PATH"], "REPO": "x"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "set REPLAY=yes" in done.stderr


# ---- to the sites


def test_approved_calibrations_reach_the_site(produced: Place) -> None:
    before = show(produced)
    assert {key: one["verdict"] for key, one in before.items()} == {
        key: "failed-verification" if key == FAILING else "verified" for key in KEYS
    }
    assert set(states(produced).values()) == {"awaiting-approval"}
    approve(produced)
    assert set(states(produced).values()) == {"approved"}
    done = release(produced).must()
    assert "2 sites match" in done.out
    after = show(produced)
    assert set(states(produced).values()) == {f"deployed({SITE})"}
    (rerun,) = {collection.rpartition(".")[2] for one in after.values() for collection in one["certified"]}
    assert [one["certified"] for one in after.values()] == [
        [f"LATISS/calib/calprod/nightly/{key}.{rerun}"] for key in KEYS
    ]
    with Butler.from_config(str(produced.site)) as site:
        assert site.collections.get_info("LATISS/calib").children == ("LATISS/calib/calprod",)
        for key, one in after.items():
            ref = site.get_dataset(one["datasets"][0]["uuid"])
            path = Path(site.getURI(ref).ospath)
            assert stat.S_IMODE(path.stat().st_mode) == 0o640, key
    assert digests(produced) == {key: one["datasets"][0]["image_digest"] for key, one in before.items()}

    comparison = json.loads(calprod("compare", "-b", produced.repository, "--json").must().out)
    assert comparison.keys() == {"match", "sites", "differences", "permissions"}
    assert comparison["match"] is True
    assert [one["site"] for one in comparison["sites"]] == ["home", SITE]
    assert len({one["digest"] for one in comparison["sites"]}) == 1

    head = produced.entries("release")
    again = release(produced).must()
    assert "2 sites match" in again.out
    assert produced.entries("release") == head


def test_a_site_that_is_away_keeps_no_other_waiting(produced: Place) -> None:
    moon = produced.root / "moon"
    produced.settings(lambda profile: profile["remotes"].insert(0, {"name": "moon", "address": str(moon)}))
    approve(produced, "--only", "bias")
    refused = release(produced)
    assert refused.status == 1
    assert "1 of 2 sites are not brought to" in refused.err
    assert f"moon: {moon} is not a Butler repository" in refused.err
    assert states(produced)["bias"] == f"deployed({SITE})"
    calprod("init", moon, "--instrument", "LATISS").must()
    assert "3 sites match" in release(produced).must().out
    assert states(produced)["bias"] == f"deployed({SITE}, moon)"
    assert len(produced.entries("release", "started")) == 1


def test_what_is_approved_later_makes_a_round_of_its_own(produced: Place) -> None:
    approve(produced, "--only", "bias")
    release(produced).must()
    assert states(produced) == {
        "bias": f"deployed({SITE})",
        "dark": "awaiting-approval",
        "flat-r": "awaiting-approval",
    }
    calprod("report", CAMPAIGN, "-b", produced.repository).must()
    approve(produced)
    release(produced).must()
    certified = [one["certified"] for one in show(produced).values()]
    assert [len(one) for one in certified] == [1, 1, 1]
    reruns = [one[0].rpartition(".")[2] for one in certified]
    assert reruns[0] != reruns[1] == reruns[2]

    # The bundle of the first round holds less than the site has by now: it must not be delivered again.
    done = calprod("sync", SITE, "-b", produced.repository).must()
    assert "0 of them changed something" in done.out

    # What a site loses comes back.
    with Butler.from_config(str(produced.site)) as site:
        ref = site.get_dataset(show(produced)["bias"]["datasets"][0]["uuid"])
        Path(site.getURI(ref).ospath).unlink()
    lost = calprod("compare", "-b", produced.repository, "--fresh")
    assert lost.status == 1
    assert "1 of them changed something" in calprod("sync", SITE, "-b", produced.repository).must().out
    assert "2 sites match" in calprod("compare", "-b", produced.repository, "--fresh").must().out

    # A site that joins later gets everything.
    base = produced.root / "base"
    calprod("init", base, "--instrument", "LATISS").must()
    produced.settings(lambda profile: profile["remotes"].append({"name": "base", "address": str(base)}))
    assert calprod("compare", "base", "-b", produced.repository).status != 0
    calprod("sync", "base", "-b", produced.repository).must()
    assert "3 sites match" in calprod("compare", "-b", produced.repository).must().out
    assert set(states(produced).values()) == {f"deployed({SITE}, base)"}


def test_a_dark_alone_is_made_with_the_certified_bias(produced: Place) -> None:
    refused = calprod("run", produced.repository, "--day-obs", DAY, "--calib", "dark", "--new")
    assert refused.status == 1
    assert "dark needs a bias for detector 0" in refused.err
    approve(produced, "--only", "bias")
    release(produced).must()
    calprod("run", produced.repository, "--day-obs", DAY, "--calib", "dark").must()
    campaigns = json.loads(calprod("status", "-b", produced.repository, "--json").must().out)
    assert campaigns[0]["calibration"] == "dark"
    made = campaigns[0]["campaign"]
    generated = [one for one in produced.entries("generate") if one["campaign"] == made]
    (prior,) = json.loads(generated[0]["parameters"])["priors"]
    assert prior["uuids"] == [show(produced)["bias"]["datasets"][0]["uuid"]]
    # The same bias, the same raws: the same dark.
    assert digests(produced, made)["dark"] == digests(produced)["dark"]


# ---- campaigns that are gone on with, and others


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


# ---- approvals that are void


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
