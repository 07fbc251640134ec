"""Campaigns are numbered once, resumed while they are open, and found by what people type."""

import pytest

from infra.errors import LedgerError, UsageError
from infra.ledger import Campaign, Ledger, next_rerun
from tests.ledger.conftest import TO_GATE, walk


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        ([], "20240318a"),
        (["20240318a"], "20240318b"),
        (["20240317a", "20240318a", "20240318c"], "20240318d"),
        (["20240318z"], "20240318aa"),
        (["20240318az"], "20240318ba"),
        (["20240318zz"], "20240318aaa"),
        (["20240318", "20240318A", "run1", "20240318a/x"], "20240318a"),
    ],
)
def test_the_next_rerun_takes_the_next_letter(taken: list[str], expected: str) -> None:
    assert next_rerun(20240318, taken) == expected


def test_letters_count_without_a_gap() -> None:
    taken: list[str] = []
    for _ in range(60):
        taken.append(next_rerun(20240318, taken))
    assert len(set(taken)) == 60
    assert taken[25:28] == ["20240318z", "20240318aa", "20240318ab"]
    assert taken[51:53] == ["20240318az", "20240318ba"]


def test_a_campaign_keeps_what_it_was_opened_with(ledger: Ledger) -> None:
    made = ledger.open_campaign(
        "LATISS", "DM-43525", "lowerSetTemp", 20240326, "ann", parameters={"calib": ["bias"]}
    )
    assert made.name == "LATISS/DM-43525/lowerSetTemp/20240326a"
    assert (made.who, made.day_obs, made.parameters) == ("ann", 20240326, {"calib": ["bias"]})
    assert ledger.campaigns() == (made,)
    assert ledger.campaigns("LSSTCam") == ()
    assert ledger.campaigns(day_obs=20240326) == (made,)


def test_an_unfinished_campaign_is_resumed(ledger: Ledger, campaign: Campaign) -> None:
    walk(ledger, campaign, "bias", *TO_GATE)
    again = ledger.open_campaign("LATISS", "DM-43525", "lowerSetTemp", 20240326, "bob")
    assert again == campaign


@pytest.mark.parametrize("end", ["approve done rejected", "approve done approved|certify done|chain done"])
def test_after_the_end_the_next_letter_is_taken(ledger: Ledger, campaign: Campaign, end: str) -> None:
    walk(ledger, campaign, "bias", *TO_GATE, *end.split("|"))
    assert ledger.open_campaign("LATISS", "DM-43525", "lowerSetTemp", 20240326, "ann").rerun == "20240326b"


def test_a_campaign_with_one_open_calibration_is_not_finished(ledger: Ledger, campaign: Campaign) -> None:
    walk(ledger, campaign, "bias", *TO_GATE, "approve done rejected")
    walk(ledger, campaign, "dark", *TO_GATE)
    assert not ledger.is_finished(campaign.name)
    assert ledger.open_campaign("LATISS", "DM-43525", "lowerSetTemp", 20240326, "ann") == campaign


def test_a_closed_campaign_is_not_resumed(ledger: Ledger, campaign: Campaign) -> None:
    walk(ledger, campaign, "bias", "select done")
    ledger.close_campaign(campaign.name, "ann", "too few flats")
    assert ledger.open_campaign("LATISS", "DM-43525", "lowerSetTemp", 20240326, "ann").rerun == "20240326b"


def test_another_day_ticket_tag_or_camera_is_another_campaign(ledger: Ledger, campaign: Campaign) -> None:
    others = [
        ("LATISS", "DM-43525", "lowerSetTemp", 20240327),
        ("LATISS", "DM-1", "lowerSetTemp", 20240326),
        ("LATISS", "DM-43525", "other", 20240326),
        ("LSSTCam", "DM-43525", "lowerSetTemp", 20240326),
    ]
    names = {ledger.open_campaign(*other, "ann").name for other in others}
    assert len(names) == 4
    assert campaign.name not in names
    assert all(name.endswith("a") for name in names)


def test_a_new_campaign_can_be_asked_for(ledger: Ledger, campaign: Campaign) -> None:
    made = ledger.open_campaign("LATISS", "DM-43525", "lowerSetTemp", 20240326, "ann", resume=False)
    assert made.rerun == "20240326b"


def test_a_campaign_is_found_by_the_end_of_its_name(ledger: Ledger, campaign: Campaign) -> None:
    for name in (campaign.name, "20240326a", "lowerSetTemp/20240326a"):
        assert ledger.campaign(name) == campaign


def test_an_ambiguous_or_unknown_name_is_said(ledger: Ledger, campaign: Campaign) -> None:
    ledger.open_campaign("LATISS", "DM-1", "other", 20240326, "ann")
    with pytest.raises(
        UsageError, match="'20240326a' could be any of LATISS/DM-43525/lowerSetTemp/20240326a, LATISS/"
    ):
        ledger.campaign("20240326a")
    with pytest.raises(UsageError, match="there is no campaign '6a'"):
        ledger.campaign("6a")
    with pytest.raises(UsageError, match=r"no campaign 'x' — the latest are .*20240326a"):
        ledger.campaign("x")


def test_in_an_empty_ledger_the_first_step_is_named(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="none has been opened yet; make one with: calprod run"):
        ledger.campaign("20240326a")
    with pytest.raises(LedgerError, match="there is no campaign"):
        ledger.record_all([]) or walk(ledger, Campaign(**_NOWHERE), "bias", "select done")


_NOWHERE = {
    "name": "LATISS/a/b/20240101a",
    "instrument": "LATISS",
    "ticket": "a",
    "tag": "b",
    "rerun": "20240101a",
    "day_obs": 20240101,
    "who": "ann",
    "opened": "",
    "parameters": {},
}
