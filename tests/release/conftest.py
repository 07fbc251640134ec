"""Tiny but real repositories: a home with certified calibrations, and sites that have none yet.

A repository is made once per session and copied for each test: with SQLite it is a folder that can be moved.
"""

import grp
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from lsst.daf.butler import Butler, CollectionType, DatasetRef, DatasetType
from lsst.images import MaskedImage
from moto.server import ThreadedMotoServer

from infra.butler.bundling import BundleRequest, RepositoryBundle, describe_bundle
from infra.butler.certification import ExpectedCoverage, certify
from infra.butler.chains import prepend, set_ticket_chain
from infra.butler.delivery import DeliverySettings
from infra.butler.fingerprint import site_fingerprint
from infra.butler.repository import create_repository
from infra.butler.validity import Validity
from infra.instruments.class_names import instrument_class_name
from infra.storage import Bundle, ChecksumCache, Permissions, open_bundle, publish

INSTRUMENT = "LATISS"
TICKET_CHAIN = "LATISS/calib/DM-43525"
DEFAULT_CHAIN = "LATISS/calib"
TAG = f"{TICKET_CHAIN}/lowerSetTemp"
FILTERS = {"SDSSg_65mm~empty": "g", "SDSSr_65mm~empty": "r"}
DETECTORS = (0, 1)
FROM_MARCH = Validity.from_days(20240326)
SHAPE = (8, 12)
BUCKET = "calibrations"
NAME = "calibs.20240405a"
GROUP = grp.getgrgid(os.getegid()).gr_name
STRICT = Permissions.parse("0640", "0750", GROUP)
SETTINGS = DeliverySettings(DEFAULT_CHAIN, permissions=STRICT)


@dataclass(frozen=True)
class Repository:
    root: Path

    def open(self, *, writeable: bool = True) -> Butler:
        return Butler.from_config(str(self.root), writeable=writeable)


def register_camera(butler: Butler, detectors=DETECTORS, filters=FILTERS) -> None:
    with butler.registry.transaction():
        butler.registry.syncDimensionData(
            "instrument",
            {
                "name": INSTRUMENT,
                "class_name": instrument_class_name("LATISS"),
                "detector_max": 2,
                "visit_max": 10**13,
                "exposure_max": 10**13,
            },
        )
        for number in detectors:
            butler.registry.syncDimensionData(
                "detector",
                {
                    "instrument": INSTRUMENT,
                    "id": number,
                    "full_name": f"RXX_S{number:02d}",
                    "name_in_raft": f"S{number:02d}",
                    "raft": "RXX",
                    "purpose": "SCIENCE",
                },
            )
        for name, band in filters.items():
            butler.registry.syncDimensionData(
                "physical_filter", {"instrument": INSTRUMENT, "name": name, "band": band}
            )


def register_types(butler: Butler) -> None:
    for name, dimensions in (
        ("bias", ("instrument", "detector")),
        ("dark", ("instrument", "detector")),
        ("flat", ("instrument", "detector", "physical_filter")),
    ):
        butler.registry.registerDatasetType(
            DatasetType(name, dimensions, "MaskedImageV2", universe=butler.dimensions, isCalibration=True)
        )


def calibration(seed: int, serial: str) -> MaskedImage:
    """Make a calibration image in the layout that afw reads, with its CCD's serial number."""
    rng = np.random.default_rng(seed)
    primary = fits.PrimaryHDU()
    hdus = [primary]
    planes = {
        "IMAGE": rng.normal(0.0, 1.0, SHAPE).astype(np.float32),
        "MASK": np.zeros(SHAPE, np.int32),
        "VARIANCE": np.ones(SHAPE, np.float32),
    }
    for name, plane in planes.items():
        hdu = fits.ImageHDU(plane, name=name)
        hdu.header["LTV1"] = hdu.header["LTV2"] = 0.0
        if name == "MASK":
            hdu.header["MP_BAD"] = 0
        hdus.append(hdu)
    for hdu in hdus[:2]:
        hdu.header["DET_SER"] = serial
        hdu.header["HIERARCH LSST ISR UNITS"] = "electron"
    return MaskedImage.from_hdu_list(fits.HDUList(hdus), fits_wcs_frame=None)


def put_calibrations(
    butler: Butler, dataset_type: str, run: str, *, seed: int, detectors=DETECTORS, serials=None
) -> list[DatasetRef]:
    """Put one calibration per detector, and per filter for flats, into a run."""
    butler.collections.register(run, CollectionType.RUN)
    filters: list[dict[str, str]] = [{}]
    if dataset_type == "flat":
        filters = [{"physical_filter": name} for name in FILTERS]
    refs = []
    for number, (detector, extra) in enumerate((d, f) for d in detectors for f in filters):
        image = calibration(seed + number, (serials or {}).get(detector, f"ITL-3800C-{detector:03d}"))
        refs.append(
            butler.put(image, dataset_type, instrument=INSTRUMENT, detector=detector, run=run, **extra)
        )
    return refs


@pytest.fixture(scope="session")
def templates(tmp_path_factory) -> dict[str, Path]:
    """Make each kind of repository once: home, an equipped site, and one that knows no camera."""
    folder = tmp_path_factory.mktemp("templates")
    bare = folder / "bare"
    create_repository(bare)
    site = folder / "site"
    shutil.copytree(bare, site)
    with Repository(site).open() as butler:
        register_camera(butler)
    home = folder / "home"
    shutil.copytree(site, home)
    with Repository(home).open() as butler:
        register_types(butler)
        for number, name in enumerate(("bias", "dark", "flat")):
            put_calibrations(butler, name, f"{TAG}/{name}Gen.20240326a/20240327T163518Z", seed=100 * number)
    released = folder / "released"
    shutil.copytree(home, released)
    with Repository(released).open() as butler:
        release(butler)
    return {"bare": bare, "site": site, "home": home, "released": released}


def release(butler: Butler, validity: Validity = FROM_MARCH, rerun: str = "20240405a") -> None:
    """Certify everything that the home repository made, and chain it."""
    members = []
    for name in ("bias", "dark", "flat"):
        refs = list(
            butler.query_datasets(
                name, collections=f"{TAG}/{name}Gen.20240326a/20240327T163518Z", find_first=False
            )
        )
        collection = f"{TAG}/{name}.{rerun}"
        filters = tuple(FILTERS) if name == "flat" else ()
        certify(butler, collection, refs, validity, expected=ExpectedCoverage(DETECTORS, filters))
        members.append(collection)
    set_ticket_chain(butler, TICKET_CHAIN, members)
    prepend(butler, DEFAULT_CHAIN, TICKET_CHAIN)


def _copy_of(kind: str):
    @pytest.fixture
    def repository(templates: dict[str, Path], tmp_path: Path) -> Repository:
        root = tmp_path / kind
        shutil.copytree(templates[kind], root)
        return Repository(root)

    return repository


bare = _copy_of("bare")
site = _copy_of("site")
home = _copy_of("home")
released = _copy_of("released")


@pytest.fixture
def home_butler(home: Repository) -> Iterator[Butler]:
    with home.open() as butler:
        yield butler


@pytest.fixture
def site_butler(site: Repository) -> Iterator[Butler]:
    with site.open() as butler:
        yield butler


def request(**changes) -> BundleRequest:
    values = {
        "name": "calibs.20240405a",
        "instrument": INSTRUMENT,
        "ticket_chain": TICKET_CHAIN,
        "campaign": "LATISS/DM-43525/lowerSetTemp/20240326a",
        "decision_digest": "0" * 64,
    }
    return BundleRequest(**{**values, **changes})


@pytest.fixture(scope="session")
def described(templates: dict[str, Path]) -> Iterator[RepositoryBundle]:
    """Describe the released calibrations as a bundle, once; nothing writes to their repository."""
    with Repository(templates["released"]).open(writeable=False) as butler, ChecksumCache.open() as checksums:
        yield describe_bundle(butler, request(), checksums)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """Run an S3 server on this machine and return its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch):
    """Return an empty bucket, with everything set to reach it as the Butler does."""
    import boto3

    monkeypatch.setenv("S3_ENDPOINT_URL", s3_server)
    resource = boto3.resource("s3", endpoint_url=s3_server)
    bucket = resource.Bucket(BUCKET)
    bucket.create()
    yield bucket
    bucket.objects.all().delete()
    bucket.delete()


def problems(address: str) -> tuple[str, ...]:
    with ChecksumCache.open() as checksums:
        return open_bundle(address).problems(checksums)


def prints(*repositories: Repository, permissions=STRICT):
    for repository in repositories:
        with repository.open(writeable=False) as butler:
            own = permissions if repository.root.name == "site" else Permissions()
            yield site_fingerprint(butler, DEFAULT_CHAIN, site=repository.root.name, permissions=own)


@pytest.fixture
def bundle(described, tmp_path) -> Bundle:
    publish(described, str(tmp_path / "exports"))
    return open_bundle(str(tmp_path / "exports" / NAME))


class Stopped(Exception):
    """Raised by a test in the place of a killed process."""


def stop_at(wanted: str):
    def checkpoint(step: str) -> None:
        if step.startswith(wanted):
            raise Stopped(step)

    return checkpoint
