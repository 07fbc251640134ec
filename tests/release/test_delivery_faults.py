"""A delivery that is killed, at every step and at every write, and run again."""

import os
import resource
import shutil
import threading
import time
from pathlib import Path

import pytest
from lsst.daf.butler import CollectionType

from infra.butler.bundling import describe_bundle
from infra.butler.certification import certify
from infra.butler.chains import children, prepend, set_ticket_chain
from infra.butler.collections import register_run
from infra.butler.delivery import DeliverySettings, deliver
from infra.butler.fingerprint import compare_sites, site_fingerprint
from infra.errors import ReleaseError
from infra.storage import Bundle, ChecksumCache, Permissions, open_bundle, publish
from tests.children import kill_before_write, run_in_child
from tests.release.conftest import (
    DEFAULT_CHAIN,
    FROM_MARCH,
    TAG,
    TICKET_CHAIN,
    Repository,
    put_calibrations,
    request,
)

STRICT = Permissions.parse("0640", "0750")
SETTINGS = DeliverySettings(DEFAULT_CHAIN, permissions=STRICT, may_create_instrument=True)


DATASETS = 2


class Stopped(Exception):
    """Raised by a test in the place of a step that fails."""


@pytest.fixture(scope="module")
def home(templates, tmp_path_factory) -> Repository:
    """Release two bias only, so that every write of their delivery can be tried."""
    root = tmp_path_factory.mktemp("small") / "home"
    shutil.copytree(templates["home"], root)
    with Repository(root).open() as butler:
        run = f"{TAG}/biasGen.20240326a/20240327T163518Z"
        refs = list(butler.query_datasets("bias", collections=run, find_first=False))
        certify(butler, f"{TAG}/bias.20240405a", refs, FROM_MARCH, expected=None)
        set_ticket_chain(butler, TICKET_CHAIN, [f"{TAG}/bias.20240405a"])
        prepend(butler, DEFAULT_CHAIN, TICKET_CHAIN)
    return Repository(root)


@pytest.fixture(scope="module")
def bundle(home, tmp_path_factory) -> Bundle:
    folder = tmp_path_factory.mktemp("exports")
    with home.open(writeable=False) as butler, ChecksumCache.open() as checksums:
        publish(describe_bundle(butler, request(), checksums), str(folder))
    return open_bundle(str(folder / "calibs.20240405a"))


@pytest.fixture(scope="module")
def wanted(home):
    """Fingerprint the home: what every site must end up with."""
    with home.open(writeable=False) as butler:
        return site_fingerprint(butler, DEFAULT_CHAIN, site="home")


@pytest.fixture(scope="module")
def steps(bundle, templates, tmp_path_factory) -> list[str]:
    """Name every step of a delivery to a site that has nothing."""
    root = tmp_path_factory.mktemp("steps") / "site"
    shutil.copytree(templates["bare"], root)
    found: list[str] = []
    with Repository(root).open() as butler:
        deliver(bundle, butler, SETTINGS, checkpoint=found.append)
    return found


def fresh(templates: dict[str, Path], root: Path) -> Repository:
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(templates["bare"], root)
    return Repository(root)


def deliver_in_child(bundle: Bundle, site: Repository, checkpoint) -> int:
    def action() -> None:
        with site.open() as butler:
            deliver(bundle, butler, SETTINGS, checkpoint=checkpoint)

    return run_in_child(action)


def assert_converges(bundle: Bundle, site: Repository, wanted) -> None:
    """Deliver again: it ends as an undisturbed one does and leaves nothing behind; one more does nothing."""
    with site.open() as butler:
        first = deliver(bundle, butler, SETTINGS)
        second = deliver(bundle, butler, SETTINGS)
        found = site_fingerprint(butler, DEFAULT_CHAIN, site="site", permissions=STRICT)
    assert compare_sites(wanted, found) == ()
    assert first.ingested + first.restored + first.unchanged == DATASETS
    assert not second.changed
    assert len(list(site.root.rglob("*.fits"))) == DATASETS
    assert not list(site.root.rglob("*.tmp"))


def test_the_steps_come_in_the_order_that_keeps_users_safe(steps):
    fixed = [step for step in steps if not step.startswith("copy")]
    assert [step.partition(" LATISS")[0] for step in fixed] == [
        "verify bundle",
        "check records",
        "create instrument",
        "register types and runs",
        "ingest",
        "permissions",
        "certify",
        "prove",
        "ticket chain",
        "default chain",
        "done",
    ]
    assert sum(step.startswith("copy") for step in steps) == DATASETS


def test_a_delivery_killed_at_any_step_converges_when_run_again(bundle, templates, tmp_path, wanted, steps):
    for step in steps:
        site = fresh(templates, tmp_path / "site")
        status = deliver_in_child(bundle, site, lambda name, step=step: os._exit(9) if name == step else None)
        assert status == 9, step
        with site.open(writeable=False) as butler:
            shown = children(butler, DEFAULT_CHAIN) is not None
        assert shown == (step == "done"), step
        assert_converges(bundle, site, wanted)


def test_a_delivery_that_fails_at_any_step_converges_when_run_again(
    bundle, templates, tmp_path, wanted, steps
):
    """A failed delivery unwinds: transactions roll back, and no good file may go with them."""
    site = fresh(templates, tmp_path / "site")
    for step in steps:

        def fail(name: str, step: str = step) -> None:
            if name == step:
                raise Stopped(name)

        before = set(site.root.rglob("*.fits"))
        with site.open() as butler, pytest.raises(Stopped):
            deliver(bundle, butler, SETTINGS, checkpoint=fail)
        assert before <= set(site.root.rglob("*.fits")), step
        if step.startswith(("copy", "ingest", "create")):
            # These steps are not met again once they are done: begin anew.
            assert_converges(bundle, site, wanted)
            site = fresh(templates, tmp_path / "site")
    assert_converges(bundle, site, wanted)


def test_a_delivery_killed_before_any_write_converges_when_run_again(bundle, templates, tmp_path, wanted):
    """Every write to the site's files is enumerated, not sampled."""
    site, counted = fresh(templates, tmp_path / "site"), tmp_path / "count"

    def attempt(number: int | None) -> int:
        def action() -> None:
            kill_before_write(number, str(site.root), counted)
            with site.open() as butler:
                deliver(bundle, butler, SETTINGS)

        return run_in_child(action)

    assert attempt(None) == 0
    writes = int(counted.read_text())
    assert writes > 20  # seven folders, two files made and two renamed, and the commits of every step
    for number in range(1, writes + 1):
        site = fresh(templates, tmp_path / "site")
        assert attempt(number) == 9
        with site.open() as butler:
            # The chain is there and empty, or not at all, until its last commit; then it is whole.
            assert children(butler, DEFAULT_CHAIN) in (None, ())
            deliver(bundle, butler, SETTINGS)
            found = site_fingerprint(butler, DEFAULT_CHAIN, site="site", permissions=STRICT)
        assert compare_sites(wanted, found) == ()
        assert not list(site.root.rglob("*.tmp"))


def test_many_kills_in_a_row_still_make_progress(bundle, templates, tmp_path, wanted):
    """A site whose link drops all the time gets there: each attempt takes up what the last one left."""
    site = fresh(templates, tmp_path / "site")
    for allowed in ("copy", "ingest", "certify", "ticket chain", "nothing"):
        status = deliver_in_child(
            bundle, site, lambda name, last=allowed: os._exit(9) if name.startswith(last) else None
        )
    assert status == 0
    assert_converges(bundle, site, wanted)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_two_deliveries_at_once_take_turns(bundle, templates, tmp_path, wanted):
    site = fresh(templates, tmp_path / "site")
    statuses: list[int] = []
    first = threading.Thread(
        target=lambda: statuses.append(deliver_in_child(bundle, site, lambda name: time.sleep(0.01)))
    )
    first.start()
    statuses.append(deliver_in_child(bundle, site, lambda name: time.sleep(0.01)))
    first.join(60)
    assert statuses == [0, 0]
    assert_converges(bundle, site, wanted)


def test_somebody_elses_chain_edit_during_delivery_is_kept(bundle, templates, tmp_path):
    site = fresh(templates, tmp_path / "site")

    def checkpoint(name: str) -> None:
        if name == "default chain":
            with site.open() as rival:
                rival.collections.register("LATISS/calib/daily", CollectionType.CHAINED)
                rival.collections.register(DEFAULT_CHAIN, CollectionType.CHAINED)
                rival.collections.prepend_chain(DEFAULT_CHAIN, "LATISS/calib/daily")

    with site.open() as butler:
        deliver(bundle, butler, SETTINGS, checkpoint=checkpoint)
        assert children(butler, DEFAULT_CHAIN) == (TICKET_CHAIN, "LATISS/calib/daily")


def test_a_full_disk_leaves_what_was_there_and_is_named(bundle, templates, tmp_path, wanted):
    """The kernel itself refuses the write; a limit on the size of files stands for the full disk."""
    site = fresh(templates, tmp_path / "site")
    with site.open() as butler:
        deliver(bundle, butler, SETTINGS)
    victim = next(site.root.rglob("*.fits"))
    victim.write_bytes(b"damaged")
    message = tmp_path / "message"

    def action() -> None:
        with site.open() as butler:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
            try:
                deliver(bundle, butler, SETTINGS)
            except ReleaseError as error:
                message.write_text(str(error))

    assert run_in_child(action) == 0
    assert f"to {victim}: File too large" in message.read_text()
    assert victim.read_bytes() == b"damaged"
    assert_converges(bundle, site, wanted)


def test_a_run_killed_while_it_is_registered_can_still_be_written_to(templates, tmp_path):
    """The Butler writes a RUN in two transactions; killed between them it could never be written to."""
    killed = 0
    for number in range(1, 5):
        site = Repository(tmp_path / f"site-{number}")
        shutil.copytree(templates["home"], site.root)

        def action(number: int = number, site: Repository = site) -> None:
            with site.open() as butler:
                kill_before_write(number, str(tmp_path / "nowhere"), tmp_path / "count")
                register_run(butler, "new/run")

        killed += run_in_child(action) == 9
        with site.open() as butler:
            register_run(butler, "new/run")
            put_calibrations(butler, "bias", "new/run", seed=1, detectors=(0,))
    assert killed > 0
