"""A report reads of a large camera what it shows: from a real repository, each dataset once."""

from collections import Counter
from dataclasses import replace

import pytest
from lsst.daf.butler import Butler

from infra.butler.images import image_digest, read_calibration
from infra.butler.repository import create_repository, open_butler
from tasks.campaigns.on_demand import CombinedImages, OnDemand
from tasks.reporting import figured_detectors, render_report
from tests.release.conftest import put_calibrations, register_camera, register_types
from tests.reporting.campaigns import calibration, report
from tests.reporting.page import parse

DETECTORS = {number: f"RXX_S{number:02d}" for number in range(5)}
RUN = "LATISS/calib/DM-1/biasGen/20240327T163518Z"


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    root = tmp_path_factory.mktemp("camera") / "repo"
    create_repository(root)
    with open_butler(root, writeable=True) as butler:
        register_camera(butler, detectors=tuple(DETECTORS))
        register_types(butler)
        put_calibrations(butler, "bias", RUN, seed=1, detectors=tuple(DETECTORS))
    return root


@pytest.fixture
def asked(monkeypatch) -> Counter[int]:
    """Count what is read of each detector."""
    count: Counter[int] = Counter()
    kind = next(kind for kind in Butler.__subclasses__() if kind.__name__ == "DirectButler")
    get = kind.get

    def counting(self, ref, *arguments, **options):
        count[int(ref.dataId["detector"])] += 1
        return get(self, ref, *arguments, **options)

    monkeypatch.setattr(kind, "get", counting)
    return count


def bias_of(butler: Butler, detectors: dict[int, str]):
    """Return a bias whose images are in the repository, of these detectors."""
    refs = butler.query_datasets("bias", collections=[RUN], find_first=False)
    combined = CombinedImages(butler, [ref for ref in refs if ref.dataId["detector"] in detectors])
    made = calibration("bias", "awaiting-approval", detectors, n_generation=3, shape=(50, 50))
    changes = {"combined": combined.images, "datasets": combined.datasets, "priors": combined.priors}
    return replace(made, **changes)


def test_every_image_of_a_camera_was_read_although_three_are_drawn(repository, asked):
    with open_butler(repository) as butler:
        bias = bias_of(butler, DETECTORS)
        page = parse(render_report(report((bias,))))
        drawn = figured_detectors(bias.verdict, bias.statistics, bias.amplifier_tests)
        assert asked == Counter(drawn), "each once, the others never"
        table = page.one("section", id="provenance").text
        refs = {int(ref.dataId["detector"]): ref for ref in butler.query_datasets("bias", RUN)}
        for detector, ref in refs.items():
            assert str(ref.id) in table
            assert (image_digest(read_calibration(butler, ref)) in table) == (detector in drawn)


def test_of_one_detector_everything_is_told_as_before(repository, asked):
    with open_butler(repository) as butler:
        bias = bias_of(butler, {0: DETECTORS[0]})
        render_report(report((bias,)))
        assert asked == Counter({0: 1})
        (entry,) = bias.datasets
        (ref,) = butler.query_datasets("bias", RUN, detector=0, instrument="LATISS")
        assert (entry.uuid, entry.image_digest) == (
            str(ref.id),
            image_digest(read_calibration(butler, ref)),
        )


def test_to_ask_whether_a_dataset_is_there_read_it(repository, asked):
    with open_butler(repository) as butler:
        images = OnDemand(butler.query_datasets("bias", RUN), butler.get)
        assert 3 in images
        assert 9 not in images
        assert images.get(9) is None
        assert set(images) == set(DETECTORS)
        assert len(images) == len(DETECTORS)
        assert not asked
