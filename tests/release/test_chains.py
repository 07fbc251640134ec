import threading

import pytest
from lsst.daf.butler import Butler, CollectionType

from infra.butler import chains
from infra.butler.chains import children, prepend, set_ticket_chain, undo
from infra.errors import ReleaseError
from tests.release.conftest import DEFAULT_CHAIN, TAG, TICKET_CHAIN

BIAS, DARK, FLAT = (f"{TAG}/{name}.20240405a" for name in ("bias", "dark", "flat"))
OTHER = "LATISS/calib/DM-40000"


@pytest.fixture
def butler(home_butler: Butler) -> Butler:
    for name in (BIAS, DARK, FLAT):
        home_butler.collections.register(name, CollectionType.CALIBRATION)
    home_butler.collections.register(OTHER, CollectionType.CHAINED)
    return home_butler


def test_a_ticket_chain_is_made_once_and_found_made_the_second_time(butler):
    first = set_ticket_chain(butler, TICKET_CHAIN, [BIAS, DARK])
    second = set_ticket_chain(butler, TICKET_CHAIN, [BIAS, DARK])
    assert (first.before, first.after, first.changed) == (None, (BIAS, DARK), True)
    assert (second.before, second.after, second.changed) == ((BIAS, DARK), (BIAS, DARK), False)


def test_a_ticket_chain_grows_but_loses_a_member_only_when_told_to(butler):
    set_ticket_chain(butler, TICKET_CHAIN, [BIAS, DARK])
    assert set_ticket_chain(butler, TICKET_CHAIN, [FLAT, BIAS, DARK]).after == (FLAT, BIAS, DARK)
    with pytest.raises(ReleaseError, match=f"would lose {DARK}"):
        set_ticket_chain(butler, TICKET_CHAIN, [FLAT, BIAS])
    assert children(butler, TICKET_CHAIN) == (FLAT, BIAS, DARK)
    assert set_ticket_chain(butler, TICKET_CHAIN, [FLAT, BIAS], may_drop=True).after == (FLAT, BIAS)


def test_prepending_keeps_every_other_member_and_records_both_listings(butler):
    prepend(butler, DEFAULT_CHAIN, OTHER)
    set_ticket_chain(butler, TICKET_CHAIN, [BIAS])
    edit = prepend(butler, DEFAULT_CHAIN, TICKET_CHAIN)
    assert (edit.before, edit.after) == ((OTHER,), (TICKET_CHAIN, OTHER))
    assert children(butler, DEFAULT_CHAIN) == edit.after
    assert edit.listing() == f"{DEFAULT_CHAIN}\n  + {TICKET_CHAIN}\n    {OTHER}"
    assert not prepend(butler, DEFAULT_CHAIN, TICKET_CHAIN).changed


def test_a_release_run_again_does_not_climb_over_a_newer_one(butler):
    set_ticket_chain(butler, TICKET_CHAIN, [BIAS])
    prepend(butler, DEFAULT_CHAIN, TICKET_CHAIN)
    prepend(butler, DEFAULT_CHAIN, OTHER)
    assert not prepend(butler, DEFAULT_CHAIN, TICKET_CHAIN).changed
    assert children(butler, DEFAULT_CHAIN) == (OTHER, TICKET_CHAIN)
    assert prepend(butler, DEFAULT_CHAIN, TICKET_CHAIN, to_front=True).after == (TICKET_CHAIN, OTHER)


def test_an_edit_decided_on_another_listing_is_refused(butler):
    prepend(butler, DEFAULT_CHAIN, OTHER)
    set_ticket_chain(butler, TICKET_CHAIN, [BIAS])
    with pytest.raises(ReleaseError, match="changed by somebody else"):
        prepend(butler, DEFAULT_CHAIN, TICKET_CHAIN, seen=())
    with pytest.raises(ReleaseError, match="changed by somebody else"):
        set_ticket_chain(butler, TICKET_CHAIN, [BIAS, DARK], seen=(DARK,))
    assert children(butler, DEFAULT_CHAIN) == (OTHER,)
    assert children(butler, TICKET_CHAIN) == (BIAS,)


@pytest.mark.parametrize("edit", ["prepend", "redefine"])
def test_an_edit_that_slips_in_between_look_and_change_is_detected_and_nothing_is_changed(
    butler, home, monkeypatch, edit
):
    """The race itself: another process edits after our look and before our transaction."""
    set_ticket_chain(butler, TICKET_CHAIN, [BIAS])
    prepend(butler, DEFAULT_CHAIN, TICKET_CHAIN)
    original = chains._edit

    def late(found_butler, chain, after, change):
        with home.open() as rival:
            rival.collections.prepend_chain(DEFAULT_CHAIN, OTHER)
        original(found_butler, chain, after, change)

    monkeypatch.setattr(chains, "_edit", late)
    action = {
        "prepend": lambda: prepend(butler, DEFAULT_CHAIN, FLAT),
        "redefine": lambda: set_ticket_chain(butler, DEFAULT_CHAIN, [TICKET_CHAIN, FLAT]),
    }[edit]
    with pytest.raises(ReleaseError, match="changed by somebody else"):
        action()
    assert children(butler, DEFAULT_CHAIN) == (OTHER, TICKET_CHAIN)


def test_of_many_simultaneous_edits_none_is_lost(butler, home):
    """Each thread has its own Butler and tries again when it was refused, as a person would."""
    names = [f"LATISS/calib/DM-5000{number}" for number in range(4)]
    for name in names:
        butler.collections.register(name, CollectionType.CHAINED)
    refused = []

    def edit(name):
        with home.open() as mine:
            while True:
                try:
                    prepend(mine, DEFAULT_CHAIN, name)
                    return
                except ReleaseError as error:
                    refused.append(error)

    threads = [threading.Thread(target=edit, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(children(butler, DEFAULT_CHAIN)) == names
    assert all("changed by somebody else" in str(error) for error in refused)


def test_undo_brings_back_the_listing_exactly_and_can_itself_be_undone(butler):
    set_ticket_chain(butler, TICKET_CHAIN, [BIAS])
    set_ticket_chain(butler, DEFAULT_CHAIN, [OTHER, FLAT])
    edit = prepend(butler, DEFAULT_CHAIN, TICKET_CHAIN)
    back = undo(butler, edit)
    assert children(butler, DEFAULT_CHAIN) == (OTHER, FLAT)
    assert not undo(butler, edit).changed
    undo(butler, back)
    assert children(butler, DEFAULT_CHAIN) == edit.after


def test_undo_of_the_first_edit_removes_the_chain_it_made(butler):
    edit = set_ticket_chain(butler, TICKET_CHAIN, [BIAS])
    undo(butler, edit)
    assert children(butler, TICKET_CHAIN) is None
    assert not undo(butler, edit).changed


def test_undo_after_somebody_elses_edit_is_refused(butler):
    set_ticket_chain(butler, TICKET_CHAIN, [BIAS])
    edit = prepend(butler, DEFAULT_CHAIN, TICKET_CHAIN)
    prepend(butler, DEFAULT_CHAIN, OTHER)
    with pytest.raises(ReleaseError, match="changed by somebody else"):
        undo(butler, edit)
    assert children(butler, DEFAULT_CHAIN) == (OTHER, TICKET_CHAIN)


def test_a_chain_that_would_hold_itself_is_refused(butler):
    prepend(butler, DEFAULT_CHAIN, OTHER)
    with pytest.raises(ReleaseError, match="hold itself"):
        prepend(butler, OTHER, DEFAULT_CHAIN)
    with pytest.raises(ReleaseError, match="hold itself"):
        set_ticket_chain(butler, OTHER, [DEFAULT_CHAIN])
    assert children(butler, OTHER) == ()


def test_a_member_that_does_not_exist_and_a_name_that_is_no_chain_are_refused(butler):
    with pytest.raises(ReleaseError, match="certify first"):
        prepend(butler, DEFAULT_CHAIN, "LATISS/calib/nowhere")
    with pytest.raises(ReleaseError, match="not a chain"):
        prepend(butler, BIAS, OTHER)


def test_a_dry_run_shows_the_edit_and_makes_none(butler):
    set_ticket_chain(butler, TICKET_CHAIN, [BIAS])
    edit = prepend(butler, DEFAULT_CHAIN, TICKET_CHAIN, dry_run=True)
    assert edit.changed
    assert children(butler, DEFAULT_CHAIN) is None
