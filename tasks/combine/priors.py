"""The calibrations that a quantum was given, read once, with what tells them from others."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from lsst.daf.butler import DatasetRef
from lsst.pipe.base import InputQuantizedConnection, QuantumContext

from infra.butler.images import calibration_image
from infra.errors import CalprodError
from infra.images import Metadata
from tasks.isr.calibrations import CALIBRATION_NAMES, Calibrations
from tasks.isr.tables import (
    boxes_from_defects,
    cards_of_table,
    corrections_from_linearizer,
    matrix_from_crosstalk,
    responses_from_linearizer,
    responses_from_ptc,
)
from tasks.isr.tables_of_charge import (
    adjustments_from_gain_correction,
    deferred_charge_from_cti,
    distortion_from_table,
    kernel_from_bfk,
)

__all__ = ["Priors", "calibrations_of", "read_priors"]

_TABLES: Mapping[str, Callable[[Any], Any]] = {
    "crosstalk": matrix_from_crosstalk,
    "linearizer": corrections_from_linearizer,
    "cti": deferred_charge_from_cti,
    "gain_correction": adjustments_from_gain_correction,
    "ptc": responses_from_ptc,
    "defects": boxes_from_defects,
    "bfk": kernel_from_bfk,
    "electroBfDistortionMatrix": distortion_from_table,
}
"""What makes the field of `Calibrations` out of a table, by connection."""


@dataclass(frozen=True, slots=True, eq=False)
class Priors:
    """Calibrations to apply, and where they come from."""

    calibrations: Calibrations = field(default_factory=Calibrations)
    """What the corrections take."""
    cards: Metadata = field(default_factory=dict)
    """``LSST CALIB RUN|UUID|DATE <NAME>`` of each."""
    uuids: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """UUID of each dataset, by connection."""


def read_priors(butlerQC: QuantumContext, inputRefs: InputQuantizedConnection) -> Priors:  # noqa: N803
    """Read every calibration among the inputs of a quantum.

    Parameters
    ----------
    butlerQC
        Butler of the quantum.
    inputRefs
        Its inputs: each connection named as in `tasks.isr.calibrations.CALIBRATION_NAMES` that it holds is
        read. An optional one that nothing was found for is absent.

    Raises
    ------
    CalprodError
        A table is not what its connection asks for; names the dataset.
    """
    refs: dict[str, DatasetRef] = {
        name: getattr(inputRefs, name) for name in CALIBRATION_NAMES if hasattr(inputRefs, name)
    }
    stored = {name: butlerQC.get(ref) for name, ref in refs.items()}
    try:
        calibrations = calibrations_of(stored)
    except CalprodError as error:
        names = ", ".join(f"{name} {ref.id} of {ref.run}" for name, ref in refs.items())
        raise CalprodError(f"{error.message} (among {names})", error.remedy) from error
    cards: Metadata = {}
    for name, ref in refs.items():
        header = calibrations.headers[name]
        cards[f"LSST CALIB RUN {name.upper()}"] = ref.run
        cards[f"LSST CALIB UUID {name.upper()}"] = str(ref.id)
        cards[f"LSST CALIB DATE {name.upper()}"] = header.get(
            "CALIB_CREATION_DATETIME", header.get("CALIBDATE")
        )
    return Priors(calibrations, cards, {name: str(ref.id) for name, ref in refs.items()})


def calibrations_of(stored: Mapping[str, Any]) -> Calibrations:
    """Calibrations out of the objects that the Butler stores.

    Parameters
    ----------
    stored
        By connection: `lsst.images.MaskedImage` for bias, dark, flat and fringe, `astropy.table.Table` for
        others.

    Raises
    ------
    CalprodError
        A table is not what its name says.
    """
    fields: dict[str, Any] = {}
    headers: dict[str, Metadata] = {}
    for name, one in stored.items():
        if name in _TABLES:
            fields[Calibrations.field_of(name)] = _TABLES[name](one)
            headers[name] = cards_of_table(one)
            if name == "linearizer" and {"INPUT_GAIN", "INPUT_TURNOFF"} <= set(one.colnames):
                fields["linearizer_responses"] = responses_from_linearizer(one)
        else:
            fields[name] = calibration_image(one)
            headers[name] = fields[name].metadata
    return Calibrations(**fields, headers=headers)
