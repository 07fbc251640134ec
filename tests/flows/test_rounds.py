"""What is approved reaches the sites, at once or in rounds, and what they lose comes back."""

import json
import stat
from pathlib import Path

from lsst.daf.butler import Butler

from tests.flows.walk import (
    CAMPAIGN,
    DAY,
    FAILING,
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
    assert digests(produced) == {key: one["datasets"][0]["digest"] for key, one in before.items()}

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
