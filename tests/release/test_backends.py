"""The same release on the other backends of the Butler, and through Rubin's own command line."""

import threading
from collections.abc import Iterator

import pytest
from click.testing import CliRunner
from lsst.daf.butler import Butler, CollectionType, Config

from infra.butler.chains import children, prepend, undo
from infra.butler.delivery import DeliverySettings, deliver
from infra.butler.fingerprint import compare_sites, site_fingerprint
from infra.butler.repository import create_repository
from infra.errors import ReleaseError
from infra.storage import Permissions
from tests.ledger.postgresql_server import find_programs, running_server
from tests.release.conftest import BUCKET, DEFAULT_CHAIN, INSTRUMENT, TAG, TICKET_CHAIN, Repository

SETTINGS = DeliverySettings(DEFAULT_CHAIN, may_create_instrument=True)


def fingerprint_of(repository: Repository):
    with repository.open(writeable=False) as butler:
        return site_fingerprint(butler, DEFAULT_CHAIN, site="home")


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """Start PostgreSQL with the extension that the Butler needs, or skip."""
    programs = find_programs()
    if programs is None:
        pytest.skip("no PostgreSQL server on this machine: 'make test-packages' installs it")
    psycopg = pytest.importorskip("psycopg")
    with running_server(programs) as url:
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("CREATE EXTENSION btree_gist")
        except psycopg.Error as error:
            pytest.skip(f"this PostgreSQL has no btree_gist: {error}")
        # The Butler 30 speaks psycopg2 only, and SQLAlchemy 2.1 would take psycopg 3.
        yield url.replace("postgresql://", "postgresql+psycopg2://")


@pytest.mark.postgres
def test_a_site_with_postgresql_gets_the_same_and_its_chains_are_safe(database, bundle, released, tmp_path):
    create_repository(tmp_path / "site", registry=database, namespace="site")
    site = Repository(tmp_path / "site")
    with site.open() as butler:
        assert deliver(bundle, butler, SETTINGS).ingested == 8
        assert not deliver(bundle, butler, SETTINGS).changed
        found = site_fingerprint(butler, DEFAULT_CHAIN, site="site")
        assert compare_sites(fingerprint_of(released), found) == ()

        names = [f"LATISS/calib/DM-5000{number}" for number in range(4)]
        for name in names:
            butler.collections.register(name, CollectionType.CHAINED)

        def edit(name: str) -> None:
            with site.open() as mine:
                for _ in names:
                    try:
                        prepend(mine, DEFAULT_CHAIN, name)
                        return
                    except ReleaseError as error:
                        refused.append(str(error))

        refused: list[str] = []
        threads = [threading.Thread(target=edit, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert all("changed by somebody else" in message for message in refused)
        now = children(butler, DEFAULT_CHAIN)
        assert now is not None
        assert sorted(now) == sorted([*names, TICKET_CHAIN])

        butler.collections.register("LATISS/calib/daily", CollectionType.CHAINED)
        undo(butler, prepend(butler, DEFAULT_CHAIN, "LATISS/calib/daily"))
        assert children(butler, DEFAULT_CHAIN) == now


def test_a_site_that_keeps_its_files_in_object_storage_gets_the_same(bundle, bucket, released, tmp_path):
    root = tmp_path / "site"
    config = Config({"datastore": {"name": "calprod", "root": f"s3://{BUCKET}/datastore/"}})
    Butler.makeRepo(str(root), config=config, forceConfigRoot=False)
    strict = DeliverySettings(
        DEFAULT_CHAIN, permissions=Permissions.parse("0640", "0750"), may_create_instrument=True
    )
    with Butler.from_config(str(root), writeable=True) as butler:
        assert deliver(bundle, butler, strict).ingested == 8
        victim = next(item for item in bucket.objects.filter(Prefix="datastore/") if "dark" in item.key)
        victim.put(Body=b"damaged")
        report = deliver(bundle, butler, strict)
        assert (report.restored, report.modes_fixed) == (1, 0)
        found = site_fingerprint(butler, DEFAULT_CHAIN, site="site")
    assert compare_sites(fingerprint_of(released), found) == ()


def test_rubins_own_commands_read_a_delivered_site(bundle, site):
    from lsst.daf.butler.cli.butler import cli

    with site.open() as butler:
        deliver(bundle, butler, SETTINGS)

    def run(*words: str) -> str:
        result = CliRunner().invoke(cli, [*words], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    tree = run("query-collections", str(site.root), DEFAULT_CHAIN, "--chains", "TREE")
    for name in (TICKET_CHAIN, f"{TAG}/bias.20240405a", f"{TAG}/flat.20240405a"):
        assert name in tree
    assert "bias" in run("query-dataset-types", str(site.root))
    found = run("query-datasets", str(site.root), "bias", "--collections", f"{TAG}/biasGen*", "--show-uri")
    assert found.count("bias_LATISS_RXX") == 2
    assert INSTRUMENT in found
