"""The PipelineTask: what it reads and refuses, amplifiers that fail alone; pipelines, metrics, figures."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from lsst.daf.butler import DatasetType, DimensionUniverse
from lsst.pex.config import FieldValidationError
from lsst.pipe.base import NoWorkFound, Pipeline

import deployments
from infra.butler.repository import create_repository, open_butler, register_instrument
from infra.errors import CalprodError
from infra.instruments.class_names import instrument_class_name
from tasks.combine.priors import Priors, calibrations_of
from tasks.cti.algorithm import cti_from_table, cti_to_table
from tasks.cti.figures import figures
from tasks.cti.pipeline_task import CtiConfig, CtiTask
from tasks.verification.metrics import metric_rows
from tests.cti.sequences import linearizer, priors, sequence, solved, verified

PIPELINES = Path(deployments.__file__).parent / "pipelines"
TIMES = (0.1, 0.6, 3.0, 15.0)
SMALL = {"width": 48, "height": 60}


def run(flats, known=None, **config):
    settings = CtiConfig()
    settings.update(**config)
    raws = (flats.read(number) for number in sorted(flats.exposures))
    return CtiTask(config=settings).run(raws, priors(flats) if known is None else known).output


@pytest.fixture(scope="module")
def small():
    return sequence(TIMES, **SMALL)


def test_each_raw_is_read_once_and_used_singly(small):
    made = sequence(TIMES[:2], **SMALL)
    table = run(made)
    assert made.reads == sorted(made.exposures)
    assert cti_from_table(table).amplifiers[0].signals.size == 4


def test_no_raws_are_no_work(small):
    with pytest.raises(NoWorkFound):
        CtiTask(config=CtiConfig()).run(iter(()), priors(small))


@pytest.mark.parametrize("columns", [None, ("INPUT_GAIN",)])
def test_a_linearizer_with_gains_is_needed(small, columns):
    known = Priors()
    if columns is not None:
        table = linearizer(small)
        table.remove_columns(list(columns))
        known = Priors(calibrations_of({"linearizer": table}))
    with pytest.raises(CalprodError, match="no linearizer with gains for detector RXX_S00"):
        run(small, known)


def test_a_camera_without_overscan_is_refused(small):
    """No column is left that deferred charge could stand in."""
    bare = sequence(TIMES[:1], **SMALL)
    raw = bare.read(min(bare.exposures))
    boxes = {"serial_overscan_box": replace(raw.raw.layout.amplifiers[0].serial_overscan_box, width=0)}
    amplifiers = tuple(replace(one, **boxes) for one in raw.raw.layout.amplifiers)
    layout = replace(raw.raw.layout, amplifiers=amplifiers)
    with pytest.raises(CalprodError, match="has no serial overscan that is wide enough"):
        CtiTask(config=CtiConfig()).run([replace(raw, raw=replace(raw.raw, layout=layout))], priors(bare))


def test_amplifiers_that_fail_have_their_reasons_and_leave_the_rest_unharmed(small):
    def spoil(segments, sensor, exposure):
        names = [one.name for one in sensor.layout.amplifiers]
        pixels = segments.astype(np.float32)
        pixels[names.index("C11")] = np.nan
        pixels[names.index("C12")] = 25_000
        return pixels

    spoiled = sequence(TIMES, spoil=spoil, **SMALL)
    table = linearizer(spoiled)
    table["INPUT_GAIN"][3] = np.nan
    found = cti_from_table(run(spoiled, priors(spoiled, linearizer=table)))
    reasons = dict(found.reasons)
    assert sorted(reasons) == ["C11", "C12", "C13"]
    assert "no flat has a signal above 10 electron" in reasons["C11"]
    assert "no flat has a signal above 10 electron" in reasons["C12"]
    assert "given up as a whole" in reasons["C13"]
    whole = cti_from_table(run(small))
    for one, other in zip(found.amplifiers, whole.amplifiers, strict=True):
        if not one.is_bad:
            # Whole numbers are dithered, the floating-point ones that can be NaN are not.
            np.testing.assert_allclose(one.signals, other.signals, rtol=1e-3)


def test_flats_that_are_all_dark_solve_nothing_and_say_so(small):
    dark = sequence(TIMES[:1], spoil=lambda pixels, *_: np.full(pixels.shape, 25_000, np.int32), **SMALL)
    with pytest.raises(CalprodError, match=r"no amplifier of LATISS detector 0 .* no flat has a signal"):
        run(dark)


def test_raws_of_two_detectors_are_refused(small):
    first, second = (small.read(number) for number in sorted(small.exposures)[:2])
    other = replace(second, raw=replace(second.raw, layout=replace(second.raw.layout, id=3, name="RXX_S03")))
    with pytest.raises(CalprodError, match="is of detector RXX_S03, others are of RXX_S00"):
        CtiTask(config=CtiConfig()).run([first, other], priors(small))


def test_the_butler_gives_the_table_back_and_the_corrections_take_it(table, tmp_path):
    """With an amplifier that has no trap."""
    solution = cti_from_table(table)
    without = replace(solution.amplifiers[2], trap=None)
    solution = replace(solution, amplifiers=(*solution.amplifiers[:2], without, *solution.amplifiers[3:]))
    create_repository(tmp_path / "repo")
    with open_butler(tmp_path / "repo", writeable=True) as butler:
        register_instrument(butler, instrument_class_name("LATISS"))
        kind = DatasetType(
            "cti", ("instrument", "detector"), "AstropyTable", universe=butler.dimensions, isCalibration=True
        )
        butler.registry.registerDatasetType(kind)
        butler.collections.register("some/run")
        ref = butler.put(cti_to_table(solution), "cti", instrument="LATISS", detector=0, run="some/run")
        stored = butler.get(ref)
    found = cti_from_table(stored)
    applied = calibrations_of({"cti": stored}).cti
    assert found.metadata == solution.metadata
    for one, other in zip(found.amplifiers, solution.amplifiers, strict=True):
        assert (one.drift_scale, one.remarks, one.at_bound) == (
            other.drift_scale,
            other.remarks,
            other.at_bound,
        )
        np.testing.assert_array_equal(one.serial_eper, other.serial_eper)
        assert applied[one.name].global_cti == other.global_cti
        assert (one.trap is None) == (other.trap is None) == (applied[one.name].trap is None)
    np.testing.assert_array_equal(applied["C10"].trap.coefficients, solution.amplifiers[0].trap.coefficients)


@pytest.mark.parametrize("name", ["cti.yaml", "2024-04/cti.yaml"])
def test_the_pipeline_makes_one_table_of_a_detector(name):
    graph = Pipeline.from_uri(PIPELINES / name).to_graph()
    graph.resolve(dimensions=DimensionUniverse(), dataset_types={})
    task = graph.tasks["cti"]
    known = {edge.dataset_type_name for edge in task.prerequisite_inputs.values()}
    assert known == {"linearizer", "defects"} | ({"ptc"} if "2024" in name else set())
    kind = graph.dataset_types["cti"].dataset_type
    assert (kind.storageClass_name, kind.isCalibration()) == ("AstropyTable", True)
    assert set(kind.dimensions.required) == {"instrument", "detector"}


@pytest.mark.parametrize("name", ["verifyCti.yaml", "2024-04/verifyCti.yaml"])
def test_the_verification_reads_the_candidate(name):
    task = Pipeline.from_uri(PIPELINES / name).to_graph().tasks["verifyCti"]
    known = {edge.dataset_type_name for edge in task.prerequisite_inputs.values()}
    assert {"cti", "linearizer", "defects"} <= known
    assert {edge.dataset_type_name for edge in task.outputs.values()} == {"verifyCtiStatistics"}


def test_crosstalk_is_asked_for_where_it_is_to_be_corrected():
    pipeline = Pipeline.from_uri(PIPELINES / "cti.yaml")
    pipeline.addConfigOverride("cti", "isr.subtract_crosstalk", True)
    task = pipeline.to_graph().tasks["cti"]
    assert "crosstalk" in {edge.dataset_type_name for edge in task.prerequisite_inputs.values()}


def test_in_2024_it_was_measured_in_adu_with_the_same_result(small):
    """Gains come last in that order; the statistics are in electrons all the same."""
    modern = cti_from_table(run(small))
    sensor = small.sensor
    cards = {
        "AMPLIFIER_NAME": [one.name for one in sensor.layout.amplifiers],
        "GAIN": np.asarray(sensor.gain, float),
        "NOISE": np.asarray(sensor.read_noise, float),
        "PTC_TURNOFF": np.full(16, 2e5),
    }
    curve = Table(cards, meta={"OBSTYPE": "PTC"})
    settings = CtiConfig()
    settings.isr.order = "2024-04"
    raws = (small.read(number) for number in sorted(small.exposures))
    legacy = cti_from_table(CtiTask(config=settings).run(raws, priors(small, ptc=curve)).output)
    for one, other in zip(modern.amplifiers, legacy.amplifiers, strict=True):
        np.testing.assert_allclose(one.signals, other.signals, rtol=2e-3)
        assert one.input_gain == pytest.approx(other.input_gain, rel=1e-6)


def test_metrics_are_named_and_have_units(flats, table):
    statistics = verified(flats, table, sorted(flats.exposures)[1:6:2])
    rows = list(metric_rows([statistics], campaign="c", calibration="cti"))
    units = {row.metric: row.unit for row in rows}
    assert units["cti.serial"] == units["cti.parallel"] == "%"
    assert units["cti.trail_left"] == "electron"
    assert units["cti.decay_time"] == "pixel"
    assert {"cti.drift_scale", "cti.global", "cti.trail_ratio"} <= set(units)
    assert sum(row.metric == "cti.serial" for row in rows) == 16


def test_figures_show_edges_trails_and_traps_with_units(table):
    drawn = figures(table)
    titles = [one.title for one in drawn]
    assert titles == [
        "Serial extended pixel edge response",
        "Parallel extended pixel edge response",
        "Trail in the overscan",
        "Charge taken by the serial traps",
    ]
    serial, parallel, trails, traps = (str(one.svg) for one in drawn)
    assert "signal (1000 electron)" in serial
    assert "inefficiency of a transfer (%)" in parallel
    for name in ("C10", "C00", "before", "after", "charge (electron)"):
        assert name in trails
    assert "captured charge (electron)" in traps
    assert all(len(str(one.svg)) < 300_000 for one in drawn)


def test_an_amplifier_that_is_not_solved_has_an_empty_panel_and_nothing_is_drawn_of_none(table):
    solution = cti_from_table(table)
    bad = replace(solution.amplifiers[0], reason="it is dead")
    some = replace(solution, amplifiers=(bad, *solution.amplifiers[1:]))
    assert "C10 (not solved)" in str(figures(cti_to_table(some))[2].svg)
    none = replace(solution, amplifiers=tuple(replace(one, reason="no") for one in solution.amplifiers))
    assert figures(cti_to_table(none)) == ()


@pytest.mark.parametrize(
    ("name", "columns"), [("trap_columns", [1, 4]), ("offset_columns", [9, 3]), ("global_columns", [5, 4])]
)
def test_columns_that_make_no_sense_are_refused(name, columns):
    config = CtiConfig()
    setattr(config, name, columns)
    with pytest.raises(FieldValidationError, match="are no columns from a first to a last one"):
        config.validate()


def test_solving_again_gives_the_same(small):
    one, other = solved(small), solved(small)
    for column in ("DRIFT_SCALE", "GLOBAL_CTI", "SERIAL_EPER", "COEFFS"):
        np.testing.assert_array_equal(one[column], other[column])
