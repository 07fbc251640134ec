"""Curated files: read, compared with the camera, and turned into the tables that the Butler stores."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
from astropy.io.registry import IORegistryError
from astropy.table import Table

from infra.butler.curated import SHA256_CARD, CuratedDataset
from infra.errors import CalprodError, UsageError
from infra.images import Metadata
from infra.instruments.geometry import CameraModel, DetectorModel
from tasks.combine.table_metadata import TableKind, identity_cards
from tasks.crosstalk.algorithm import CROSSTALK_KIND, matrix_to_table, read_curated_matrix
from tasks.defects.algorithm import defects_from_table, defects_to_table
from tasks.isr.crosstalk_matrix import CrosstalkMatrix

__all__ = ["CURATED_TYPES", "CuratedType", "Curator", "read_curated"]

type CuratedType = Literal["crosstalk", "defects", "manual_defects"]
"""Dataset type of what can be curated."""

CURATED_TYPES: tuple[CuratedType, ...] = ("crosstalk", "defects", "manual_defects")
"""All of them."""

_DEFECTS_KIND = TableKind("defects", "", 2.0, "lsst.ip.isr.defects.Defects")


@dataclass(frozen=True, slots=True)
class Curator:
    """Who brings a calibration in, and why."""

    author: str
    """Name."""
    reason: str
    """Why, or where it comes from."""
    when: datetime
    """With a time zone."""


def read_curated(
    path: Path, dataset_type: CuratedType, camera: CameraModel, detector: int | None, curator: Curator
) -> CuratedDataset:
    """Read a curated file as a dataset of one detector.

    Parameters
    ----------
    path
        A crosstalk matrix in the layout of ip_isr's CrosstalkCalib (``.ecsv``, ``.fits``, ``.yaml``), or a
        table of defects with columns x0, y0, width, height or those of FITS regions (``.ecsv``, ``.csv``,
        ``.fits``).
    dataset_type
        What it is.
    camera
        Tells the amplifiers and the size of the detector.
    detector
        Detector number; None for the one that the file names, or the camera's only one.
    curator
        Kept in the table's header, with the digest of the file.

    Raises
    ------
    UsageError
        The detector is not given and cannot be told, or the camera has none of that number.
    CalprodError
        The file cannot be read, is of another camera or detector, or does not make sense.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CalprodError(f"{path}: {error.strerror}", "name a file that can be read") from error
    if dataset_type == "crosstalk":
        matrix = read_curated_matrix(path)
        model = _detector(path, camera, detector, matrix.metadata)
        table = _crosstalk_table(path, matrix, model)
        kind = CROSSTALK_KIND
    else:
        given = _read_table(path)
        model = _detector(path, camera, detector, given.meta)
        table = _defects_table(path, given, model)
        kind = _DEFECTS_KIND
    own = {str(key): value for key, value in table.meta.items() if value not in (None, "")}
    identity = identity_cards(kind, instrument=camera.name, layout=model.layout(), created=curator.when)
    cards: Metadata = {
        **{key: value for key, value in identity.items() if value is not None},
        **own,
        "INSTRUME": camera.name,
        "DETECTOR": model.id,
        "DET_NAME": model.full_name,
        "CURATOR": curator.author,
        "CURATION_REASON": curator.reason,
        "CURATED_FILE": path.name,
        SHA256_CARD: hashlib.sha256(content).hexdigest(),
    }
    table.meta.clear()
    table.meta.update(cards)
    return CuratedDataset(dataset_type, model.id, table)


def _detector(
    path: Path, camera: CameraModel, wanted: int | None, cards: Mapping[str, object]
) -> DetectorModel:
    """Return the detector that the file is about."""
    if cards.get("INSTRUME") not in (None, "", camera.name):
        raise CalprodError(
            f"{path} is of the camera {cards['INSTRUME']}, this repository of {camera.name}",
            "curate it in a repository of its own camera",
        )
    stated = _number(cards.get("DETECTOR"))
    number = wanted if wanted is not None else stated
    if number is None and len(camera.detectors) == 1:
        number = camera.detectors[0].id
    if number is None:
        raise UsageError(f"{path} does not say of which detector it is", "say it with --detector N")
    model = camera.detector(number)
    name = cards.get("DET_NAME")
    if stated not in (None, number) or (isinstance(name, str) and "_" in name and name != model.full_name):
        raise CalprodError(
            f"{path} is of detector {cards.get('DETECTOR', '')} {name or ''}, not of {number} "
            f"{model.full_name}",
            "name the detector that the file is about, or take the file of this detector",
        )
    return model


def _number(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return int(value)
    except ValueError:
        return None


def _crosstalk_table(path: Path, matrix: CrosstalkMatrix, model: DetectorModel) -> Table:
    """Compare a matrix with the detector's amplifiers, and return it as the table that is stored."""
    names = tuple(one.name for one in model.amplifiers)
    n, found = len(names), matrix.coefficients.shape[0]
    if found != n:
        raise CalprodError(
            f"{path} holds a matrix of {found} amplifiers; detector {model.full_name} has {n}",
            "take the matrix of this detector",
        )
    if not matrix.amplifiers[0].startswith("#") and matrix.amplifiers != names:
        raise CalprodError(
            f"{path} holds a matrix of the amplifiers {', '.join(matrix.amplifiers)}; those of detector "
            f"{model.full_name} are {', '.join(names)}",
            "take the matrix of this detector, in the order of the raw file's extensions",
        )
    others = ~np.eye(n, dtype=np.bool_)
    large = np.argwhere(others & (np.abs(np.nan_to_num(matrix.coefficients)) >= 1.0))
    if large.size:
        source, target = (names[index] for index in large[0])
        raise CalprodError(
            f"{path} says that {target} shows {matrix.coefficients[tuple(large[0])]:.3g} of the signal of "
            f"{source}",
            "give fractions, all below 1",
        )
    if np.any(np.nan_to_num(matrix.coefficients[~others])):
        raise CalprodError(
            f"{path} gives an amplifier crosstalk from itself", "put 0 on the diagonal; was it normalised?"
        )
    if not (matrix.valid & others & np.isfinite(matrix.coefficients)).any():
        raise CalprodError(f"{path} holds no valid coefficient", "correct CT_VALID, or CT_COEFFS")
    return matrix_to_table(replace(matrix, amplifiers=names))


def _read_table(path: Path) -> Table:
    formats = {".ecsv": "ascii.ecsv", ".csv": "ascii.csv", ".fits": "fits", ".fit": "fits"}
    suffix = path.suffix.lower()
    if suffix not in formats:
        raise CalprodError(
            f"{path}: a table of defects does not end in {suffix!r}", f"one of {', '.join(formats)}"
        )
    try:
        return Table.read(path, format=formats[suffix])
    except (OSError, ValueError, TypeError, KeyError, IORegistryError) as error:
        raise CalprodError(f"{path}: no readable table: {error}", "write it as ECSV") from error


def _defects_table(path: Path, given: Table, model: DetectorModel) -> Table:
    """Compare defects with the detector's size, and return them as the table that is stored."""
    try:
        defects = defects_from_table(given)
    except CalprodError as error:
        raise CalprodError(f"{path}: {error.message}", error.remedy) from error
    if not defects:
        raise CalprodError(f"{path} holds no defects", "give at least one box")
    height, width = model.layout().image_shape
    for one in defects:
        box = one.box
        if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height:
            raise CalprodError(
                f"{path}: the defect at x {box.x0}, y {box.y0} of {box.width} x {box.height} pixels reaches "
                f"beyond detector {model.full_name} with {width} x {height}",
                "give pixels of the trimmed detector, counted from 0",
            )
    return defects_to_table(defects, dict(given.meta))
