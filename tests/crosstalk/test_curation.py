"""A curator's matrix in a real repository: certified, found by campaigns, chained only with leave."""

import datetime
import json
from dataclasses import replace

import numpy as np
import pytest
import yaml
from astropy.table import Table
from click.testing import CliRunner

from flows.cli import curate as curate_verb
from infra.butler.chains import children, prepend
from infra.butler.priors import certified_prior
from infra.butler.repository import open_butler
from infra.errors import CalprodError, GateError, ReleaseError, UsageError
from infra.instruments import camera
from infra.ledger.clock import set_clock
from infra.settings.gate import GateSettings
from tasks.crosstalk.algorithm import CrosstalkMatrix, matrix_to_table
from tasks.curation.act import Curation, curate_file
from tasks.isr.tables import matrix_from_crosstalk

NAMES = tuple(one.name for one in camera("LATISS").detector(0).amplifiers)
EXPOSURES = (2024031800001, 2024031900001)
TODAY = datetime.datetime(2024, 4, 5, 12, tzinfo=datetime.UTC)
COLLECTION = "LATISS/calib/calprod/curated/20240405"


def matrix(scale=1e-4, n=16, seed=1):
    coefficients = scale * np.random.default_rng(seed).uniform(0.5, 2.0, (n, n))
    np.fill_diagonal(coefficients, 0.0)
    zero = np.zeros((n, n))
    names = NAMES if n == 16 else tuple(f"C{index}" for index in range(n))
    return CrosstalkMatrix(
        names, coefficients, zero, zero.astype(np.int64), ~np.eye(n, dtype=bool), zero, zero, "electron"
    )


def write(path, one, **cards):
    """Write a matrix as Rubin does, which names no amplifiers."""
    table = matrix_to_table(one, {"INSTRUME": "LATISS", "DETECTOR": 0, "DET_NAME": "RXX_S00", **cards})
    table.meta.pop("AMPLIFIERS", None)
    table.write(path, format="ascii.ecsv", overwrite=True)
    return path


def ask(path, **others):
    wanted = {"dataset_type": "crosstalk", "author": "curator", "reason": "from the vendor's test"}
    return Curation(path=path, **{**wanted, **others})


def curate(workspace, *arguments, **others):
    with set_clock(TODAY):
        return curate_file(workspace, ask(*arguments, **others))


def prior(workspace, collection="LATISS/calib", exposures=EXPOSURES):
    with open_butler(workspace.repository) as butler:
        ref = certified_prior(butler, "crosstalk", collection, exposures, instrument="LATISS", detector=0)
        return None if ref is None else (ref, butler.get(ref))


def test_a_matrix_is_found_by_campaigns_with_the_curators_name(workspace, tmp_path):
    given = matrix()
    outcome = curate(workspace, write(tmp_path / "ct.ecsv", given), chain=True)
    assert outcome.collection == COLLECTION
    assert outcome.ref.run == f"{COLLECTION}/crosstalk"
    assert outcome.is_public
    assert not outcome.hidden_by
    ref, table = prior(workspace)
    assert ref.id == outcome.ref.id
    stored = matrix_from_crosstalk(table)
    assert stored.amplifiers == NAMES
    np.testing.assert_array_equal(stored.coefficients, given.coefficients)
    assert stored.unit == "electron"
    assert (table.meta["CURATOR"], table.meta["CURATION_REASON"]) == ("curator", "from the vendor's test")
    assert table.meta["CALIBCLS"] == "lsst.ip.isr.crosstalk.CrosstalkCalib"
    assert table.meta["DET_SER"] == camera("LATISS").detector(0).serial
    entries = [one for one in workspace.ledger.entries(step="curate") if one.status == "done"]
    (entry,) = entries
    assert (entry.who, entry.calibration, entry.outcome) == ("curator", "crosstalk", "curated")
    assert entry.digest == table.meta["CURATED_SHA256"]
    assert entry.parameters["reason"] == "from the vendor's test"
    assert entry.parameters["default_chain"]["after"] == ["LATISS/calib/calprod"]
    assert entry.command.startswith("calprod curate ")


def test_the_default_chain_is_left_alone_unless_asked_for(workspace, tmp_path):
    path = write(tmp_path / "ct.ecsv", matrix())
    outcome = curate(workspace, path)
    assert not outcome.is_public
    assert prior(workspace) is None
    assert prior(workspace, "LATISS/calib/calprod") is not None
    assert curate(workspace, path, chain=True).changed
    assert prior(workspace) is not None


def test_a_ticket_that_all_users_read_is_not_given_a_matrix_by_the_way(workspace, tmp_path):
    # The profile's ticket is in the default chain since its first release.
    with open_butler(workspace.repository, writeable=True) as butler:
        other = "LATISS/calib/calprod/nightly/bias.20240318a"
        butler.registry.registerCollection(other, butler.collections.get_info("LATISS/raw/all").type)
        prepend(butler, "LATISS/calib/calprod", other)
        prepend(butler, "LATISS/calib", "LATISS/calib/calprod")
    path = write(tmp_path / "ct.ecsv", matrix())
    outcome = curate(workspace, path)
    assert outcome.certified
    assert outcome.ticket_edit is None
    assert prior(workspace) is None
    assert curate(workspace, path, chain=True).is_public
    assert prior(workspace) is not None


def test_the_same_file_again_changes_nothing_not_even_on_another_day(workspace, tmp_path):
    path = write(tmp_path / "ct.ecsv", matrix())
    first = curate(workspace, path, chain=True)
    again = curate(workspace, path, chain=True)
    assert first.changed
    assert not again.changed
    assert again.ref.id == first.ref.id
    with set_clock(TODAY + datetime.timedelta(days=3)):
        later = curate_file(workspace, ask(path, chain=True))
    assert not later.changed
    assert later.collection == COLLECTION


def test_other_content_on_the_same_day_is_refused_and_goes_on_another(workspace, tmp_path):
    curate(workspace, write(tmp_path / "a.ecsv", matrix()), chain=True)
    other = write(tmp_path / "b.ecsv", matrix(seed=2))
    with pytest.raises(ReleaseError, match=r"holds another crosstalk of detector 0.*--date DAY"):
        curate(workspace, other, chain=True)
    outcome = curate(workspace, other, chain=True, day=20240406)
    assert not outcome.hidden_by
    assert prior(workspace)[0].id == outcome.ref.id
    with open_butler(workspace.repository) as butler:
        members = children(butler, "LATISS/calib/calprod")
    assert members == ("LATISS/calib/calprod/curated/20240406", COLLECTION)


def test_days_of_validity_are_from_noon_to_noon(workspace, tmp_path):
    curate(workspace, write(tmp_path / "a.ecsv", matrix()), chain=True, end=20240318)
    later = curate(
        workspace, write(tmp_path / "b.ecsv", matrix(seed=2)), chain=True, day=20240406, begin=20240319
    )
    assert prior(workspace, exposures=EXPOSURES[1:])[0].id == later.ref.id
    assert prior(workspace, exposures=EXPOSURES[:1])[0].id != later.ref.id


def test_an_open_range_that_would_hide_a_newer_matrix_is_refused(workspace, tmp_path):
    curate(workspace, write(tmp_path / "a.ecsv", matrix()), chain=True, begin=20240319)
    with pytest.raises(ReleaseError, match=r"would hide 1 newer.*before 20240319"):
        curate(workspace, write(tmp_path / "b.ecsv", matrix(seed=2)), chain=True, day=20240406)
    assert prior(workspace, exposures=EXPOSURES[:1]) is None


@pytest.mark.parametrize(
    ("gate", "others", "message"),
    [
        ({"reviewers": ("ann", "bob")}, {}, "curator may not put a calibration into the default chain"),
        ({"reviewers": ("ann", "bob")}, {"author": "ann", "reviewers": ("eve",)}, "eve may not"),
        ({"reviewers": ("ann", "bob"), "quorum": 2}, {"author": "ann"}, "1 of 2 reviewers agree"),
        ({"producer_may_approve": False}, {}, "may not alone"),
    ],
)
def test_who_may_not_open_the_gate_may_not_chain(workspace, tmp_path, gate, others, message):
    profile = workspace.profile.model_copy(update={"gate": GateSettings(**gate)})
    guarded = replace(workspace, profile=profile)
    path = write(tmp_path / "ct.ecsv", matrix())
    with pytest.raises(GateError, match=message):
        curate(guarded, path, chain=True, **others)
    assert not workspace.ledger.entries(step="curate")
    assert curate(guarded, path, **others).changed


def test_a_quorum_may_chain(workspace, tmp_path):
    gate = GateSettings(reviewers=("ann", "bob", "eve"), quorum=2, producer_may_approve=False)
    guarded = replace(workspace, profile=workspace.profile.model_copy(update={"gate": gate}))
    path = write(tmp_path / "ct.ecsv", matrix())
    assert curate(guarded, path, chain=True, author="ann", reviewers=("bob",)).is_public


def yaml_matrix(tmp_path, n=16):
    one = matrix(n=n)
    path = tmp_path / "ct.yaml"
    contents = {
        "metadata": {"OBSTYPE": "CROSSTALK", "INSTRUME": "LATISS", "DETECTOR": 0, "CROSSTALK_VERSION": 1.2},
        "crosstalkRatiosUnits": "electron",
        "coeffs": one.coefficients.ravel().tolist(),
        "coeffErr": one.errors.ravel().tolist(),
        "coeffNum": one.counts.ravel().tolist(),
        "coeffValid": one.valid.ravel().tolist(),
    }
    path.write_text(yaml.safe_dump(contents))
    return path


def test_the_yaml_form_is_taken_too(workspace, tmp_path):
    curate(workspace, yaml_matrix(tmp_path), chain=True)
    np.testing.assert_array_equal(
        matrix_from_crosstalk(prior(workspace)[1]).coefficients, matrix().coefficients
    )


def changed(place, value):
    one = matrix()
    coefficients = one.coefficients.copy()
    coefficients[place] = value
    return replace(one, coefficients=coefficients)


@pytest.mark.parametrize(
    ("one", "cards", "others", "message"),
    [
        (matrix(n=8), {}, {}, "a matrix of 8 amplifiers; detector RXX_S00 has 16"),
        (changed((2, 5), 1.5), {}, {}, "C15 shows 1.5 of the signal of C12"),
        (changed((3, 3), 1.0), {}, {}, "an amplifier crosstalk from itself"),
        (replace(matrix(), valid=np.zeros((16, 16), bool)), {}, {}, "no valid coefficient"),
        (matrix(), {"DETECTOR": 94}, {"detector": 0}, "is of detector 94"),
        (matrix(), {"DET_NAME": "R22_S11"}, {}, "is of detector 0 R22_S11"),
        (matrix(), {"INSTRUME": "LSSTCam"}, {}, "is of the camera LSSTCam"),
        (matrix(), {"DETECTOR": 3}, {}, "LATISS has no detector 3"),
    ],
)
def test_a_matrix_that_does_not_fit_is_refused(workspace, tmp_path, one, cards, others, message):
    with pytest.raises(CalprodError, match=message):
        curate(workspace, write(tmp_path / "ct.ecsv", one, **cards), **others)
    with open_butler(workspace.repository) as butler:
        assert not butler.collections.query("LATISS/calib*")


def test_an_author_and_a_reason_are_asked_for(workspace, tmp_path):
    path = write(tmp_path / "ct.ecsv", matrix())
    with pytest.raises(UsageError, match="an author and a reason"):
        curate(workspace, path, author=" ")
    (tmp_path / "bad.ecsv").write_text("nonsense")
    with pytest.raises(CalprodError, match="no readable crosstalk matrix"):
        curate(workspace, tmp_path / "bad.ecsv")


def test_defects_given_by_hand_are_taken_and_checked(workspace, tmp_path):
    table = Table({"x0": [10, 400], "y0": [0, 7], "width": [1, 2], "height": [50, 3]})
    table.write(tmp_path / "defects.csv", format="ascii.csv")
    outcome = curate(workspace, tmp_path / "defects.csv", dataset_type="manual_defects", chain=True)
    with open_butler(workspace.repository) as butler:
        stored = butler.get(outcome.ref)
    assert list(stored["x0"]) == [10, 400]
    assert {str(one) for one in stored["reason"]} == {"manual"}
    assert stored.meta["OBSTYPE"] == "defects"
    assert stored.meta["CURATOR"] == "curator"
    table["x0"][1] = 5000
    table.write(tmp_path / "beyond.csv", format="ascii.csv")
    with pytest.raises(CalprodError, match="reaches beyond detector RXX_S00"):
        curate(workspace, tmp_path / "beyond.csv", dataset_type="manual_defects")


def test_the_verb_says_what_it_did_to_people_and_to_machines(workspace, tmp_path):
    path = write(tmp_path / "ct.ecsv", matrix())
    words = [str(workspace.repository), str(path), "--type", "crosstalk", "--author", "A. Curator"]
    words += ["--reason", "DM-43525", "--date", "20240405"]
    runner = CliRunner()
    first = runner.invoke(curate_verb.command, words, catch_exceptions=False)
    assert first.exit_code == 0
    assert f"crosstalk of detector 0 is certified in {COLLECTION}" in first.output
    assert "repeat this with --chain" in first.output
    again = runner.invoke(curate_verb.command, words, catch_exceptions=False)
    assert "nothing to do" in again.output
    machine = runner.invoke(curate_verb.command, [*words, "--chain", "--json"], catch_exceptions=False)
    told = json.loads(machine.output)
    assert told["collection"] == COLLECTION
    assert told["in_default_chain"] is True
    assert told["chains"]["default_chain"]["after"] == ["LATISS/calib/calprod"]
    assert runner.invoke(curate_verb.command, words[:-6]).exit_code == 2
    assert "Example: calprod curate" in runner.invoke(curate_verb.command, ["--help"]).output
