"""Calibrations that are tables, measured, judged and drawn: a curve, a linearizer, defects, crosstalk."""

from functools import cache

import numpy as np

from infra.instruments import camera
from infra.settings import Policy
from infra.settings.policy import PolicyTest, Waiver
from tasks.reporting import CalibrationContents, DatasetEntry, Intermediate, summarise_amplifiers
from tasks.reporting.plots import (
    Axis,
    Cells,
    Figure,
    Line,
    Panel,
    Series,
    bar_chart,
    category_map,
    heat_map,
    panel_plot,
    small_multiples,
)
from tasks.verification.evaluate import all_results
from tasks.verification.model import DetectorStatistics
from tasks.verification.rollup import roll_up
from tests.reporting.measured import COLLECTION, DAY

AMPLIFIERS = tuple(one.name for one in camera("LATISS").detectors[0].layout().amplifiers)
LABELS = {
    "ptc": "photon transfer curve",
    "linearizer": "linearity correction",
    "defects": "map of defects",
    "crosstalk": "crosstalk matrix",
}
UUID = "0190c0de-aaaa-7000-8000-{:012x}"
MEANS = np.geomspace(100.0, 9.0e4, 60)


def asked(
    calibration: str, test: str, rule: str, statistic: str, unit: str = "", **more: object
) -> PolicyTest:
    settings = {"level": "amplifier", "subject": "product", "source": "an example"} | more
    return PolicyTest(
        calibration=calibration, test=test, rule=rule, statistic=statistic, unit=unit, **settings
    )


@cache
def table_policy() -> Policy:
    tests = (
        asked(
            "ptc",
            "PTC_GAIN",
            "fraction_within",
            "GAIN",
            "electron/adu",
            reference="NOMINAL_GAIN",
            parameters={"tolerance": 0.05},
        ),
        asked(
            "ptc",
            "PTC_NOISE",
            "value_within",
            "READ_NOISE",
            "electron",
            parameters={"maximum": 10.0},
            allowed_failures=0.2,
        ),
        asked(
            "ptc",
            "PTC_BFE_A00",
            "value_within",
            "A00",
            "1/electron",
            parameters={"minimum": -4.56e-6, "maximum": -6.91e-7},
        ),
        asked("ptc", "PTC_TURNOFF", "at_least", "TURNOFF", "electron", parameters={"minimum": 90000.0}),
        asked("ptc", "PROCESSING", "no_processing_failure", "PROCESSING"),
        asked("ptc", "BAD_AMPLIFIERS", "count_at_most", "N_BAD", level="detector", parameters={"maximum": 0}),
        asked("linearizer", "RESIDUAL", "value_within", "MAX_RESIDUAL", parameters={"maximum": 1e-3}),
        asked("defects", "FRACTION", "value_within", "FRACTION", parameters={"maximum": 0.02}),
        asked(
            "crosstalk",
            "SIGNIFICANT",
            "count_at_most",
            "N_SIGNIFICANT",
            level="detector",
            parameters={"maximum": 0},
        ),
    )
    return Policy(name="example", version="1", tests=tests)


def good_table(key: str, rng: np.random.Generator) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """Return statistics of every amplifier and of the detector, all of which pass."""
    amplifiers: dict[str, dict[str, float]] = {}
    for name in AMPLIFIERS:
        if key == "ptc":
            values = {
                "GAIN": 1.25,
                "GAIN_ERROR": 0.001,
                "NOMINAL_GAIN": 1.25,
                "READ_NOISE": 7.9,
                "A00": -2.9e-6,
                "A00_ERROR": 4e-8,
                "TURNOFF": 1.08e5,
                "CHI_SQUARED": 1.02,
                "N_PAIRS": 60.0,
            }
        elif key == "linearizer":
            values = {"MAX_RESIDUAL": 3e-4, "TURNOFF": 1.3e5, "N_POINTS": 58.0}
        elif key == "defects":
            values = {"FRACTION": 0.004, "N_HOT": 40.0, "N_COLD": 12.0, "N_BAD_COLUMNS": 1.0}
        else:
            values = {"MAX_COEFFICIENT": 2e-6}
        amplifiers[name] = {
            one: value * (1 + rng.normal(0, 0.004)) if value % 1 else value for one, value in values.items()
        }
    detector = {
        "ptc": {"N_BAD": 0.0, "N_PAIRS": 60.0},
        "linearizer": {"LAMP_SCATTER": 3e-3},
        "defects": {"FRACTION": 0.004},
        "crosstalk": {"N_SIGNIFICANT": 0.0},
    }[key]
    return amplifiers, detector


def table_calibration(
    key: str,
    *,
    plant: dict[str, dict[str, float]] | None = None,
    whole: dict[str, float] | None = None,
    problems: dict[str, str] | None = None,
    waivers: tuple[Waiver, ...] = (),
    detectors: tuple[int, ...] = (0,),
) -> CalibrationContents:
    """Return a table with planted statistics by amplifier, of the whole detector, and amplifiers not made."""
    records = []
    for detector in detectors:
        amplifiers, of_detector = good_table(key, np.random.default_rng(detector))
        for name, values in (plant or {}).items():
            amplifiers[name] = amplifiers[name] | values
        amplifiers |= {name: {} for name in problems or {}}
        records.append(
            DetectorStatistics(
                calibration=key,
                detector=detector,
                detector_name=f"RXX_S{detector:02d}",
                vendor="ITL",
                calibration_uuids={key: UUID.format(detector)},
                product_amplifiers=amplifiers,
                product_detector=of_detector | (whole or {}),
                product_problems=problems or {},
                product_observed_mjd=60395.9,
            )
        )
    policy = table_policy().model_copy(update={"waivers": waivers})
    candidates = {detector: UUID.format(detector) for detector in detectors}
    results = list(all_results(records, policy, calibration=key, candidates=candidates, day_obs=DAY))
    return CalibrationContents(
        key=key,
        label=LABELS[key],
        made_from=("biasBootstrap", "darkBootstrap", "flatBootstrap") if key == "defects" else (),
        state="awaiting-approval",
        verdict=roll_up(results, key, "example 1"),
        unit="",
        statistics=tuple(records),
        amplifier_tests=summarise_amplifiers(results),
        figures={detector: FIGURES[key](np.random.default_rng(detector)) for detector in detectors},
        generation=tuple(DAY * 100000 + 200 + n for n in range(120)),
        collections={"generation RUN": f"{COLLECTION}/{key}Gen.20240326a/20240327T163518Z"},
        datasets=tuple(DatasetEntry(one, UUID.format(one), "5a" * 32, "c4" * 32) for one in detectors),
        gate_digest="9b" * 32,
    )


def intermediates() -> tuple[Intermediate, ...]:
    return tuple(
        Intermediate(
            f"{kind}Bootstrap",
            "candidate",
            tuple(range(1, 21)),
            f"{COLLECTION}/{kind}BootstrapGen.20240326a/20240327T163518Z",
            1,
        )
        for kind in ("bias", "dark", "flat")
    )


def _curve_figures(rng: np.random.Generator) -> tuple[Figure, ...]:
    mean, variance = Axis("mean", "adu", log=True), Axis("variance", "adu²", log=True)
    model = MEANS / 1.25 - 3e-6 * MEANS**2 + 40.0
    scatter = 1 + rng.normal(0, 0.004, (len(AMPLIFIERS), MEANS.size))
    grid = {
        name: [
            Series(MEANS, model * noise, "pairs"),
            Series(MEANS[-3:], model[-3:], "left out", shape="cross", colour=1),
        ]
        for name, noise in zip(AMPLIFIERS, scatter, strict=True)
    }
    residuals = [Series(MEANS, 100 * (scatter[0] - 1), "pairs", error=np.full(MEANS.size, 0.4))]
    return (
        small_multiples(
            "Variance against mean",
            grid,
            mean,
            variance,
            lines=[Line(8.6e4, "turnoff", vertical=True)],
            caption="Pairs of flats of every amplifier.",
        ),
        panel_plot(
            "Residuals of the curve, C10",
            [
                Panel(
                    [Series(MEANS, model * scatter[0], "pairs"), Series(MEANS, model, "fit", style="line")],
                    variance,
                ),
                Panel(residuals, Axis("residual", "%"), [Line(0.0, warn=False)], 140),
            ],
            mean,
        ),
        heat_map(
            "a of C10",
            -3e-6 * np.exp(-np.hypot(*np.mgrid[:8, :8])),
            Cells("serial lag", unit="pixel"),
            Cells("parallel lag", unit="pixel"),
            quantity="a",
            unit="1/electron",
        ),
    )


def _linearity_figures(rng: np.random.Generator) -> tuple[Figure, ...]:
    signal = np.linspace(500, 9e4, 60)
    grid = {
        name: [Series(signal, rng.normal(0, 2e-4, 60), "flats", error=np.full(60, 2e-4))]
        for name in AMPLIFIERS
    }
    return (
        small_multiples(
            "Residual non-linearity",
            grid,
            Axis("signal", "adu"),
            Axis("relative residual"),
            lines=[Line(1e-3, "limit"), Line(-1e-3)],
        ),
    )


def _defect_figures(rng: np.random.Generator) -> tuple[Figure, ...]:
    kinds = np.zeros((500, 509), np.uint8)
    kinds[:, rng.integers(0, 509, 4)] = 3
    kinds[rng.integers(0, 500, 60), rng.integers(0, 509, 60)] = 1
    kinds[:2] = 4
    counts = {"hot": rng.poisson(40, 16), "cold": rng.poisson(12, 16), "column": rng.poisson(300, 16)}
    return (
        category_map(
            "Defects by reason",
            kinds,
            ("hot", "cold", "column", "edge"),
            Cells("x", unit="pixel", step=8),
            Cells("y", unit="pixel", step=8),
        ),
        bar_chart(
            "Defects of each amplifier", AMPLIFIERS, counts, Axis("amplifier"), Axis("pixels", whole=True)
        ),
    )


def _crosstalk_figures(rng: np.random.Generator) -> tuple[Figure, ...]:
    matrix = rng.normal(0, 1e-6, (16, 16))
    np.fill_diagonal(matrix, np.nan)
    return (
        heat_map(
            "Crosstalk coefficients",
            matrix,
            Cells("source amplifier", AMPLIFIERS),
            Cells("target amplifier", AMPLIFIERS),
            quantity="coefficient",
            centre=0.0,
            marked=[(3, 4)],
            from_above=True,
            caption="Ringed: significant.",
        ),
    )


FIGURES = {
    "ptc": _curve_figures,
    "linearizer": _linearity_figures,
    "defects": _defect_figures,
    "crosstalk": _crosstalk_figures,
}
