"""The merging of flats taken in two colours of the lamp as a PipelineTask."""

from datetime import datetime
from typing import Any, ClassVar

from lsst.pipe.base import (
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
    Struct,
)

from infra.butler.images import calibration_image, masked_image
from infra.images import CalibrationImage
from infra.ledger.clock import now
from tasks.combine.connections import calibration_output
from tasks.combine.image_layout import layout_of_image
from tasks.combine.metadata import creation_cards
from tasks.combine.quality import quality_cards
from tasks.flat.algorithm import merge_colours
from tasks.flat.run.config import ColoursConfig
from tasks.flat.run.connections import ONE_DETECTOR, image_input

__all__ = ["FlatColoursConfig", "FlatColoursTask"]


class FlatColoursConnections(PipelineTaskConnections, dimensions=ONE_DETECTOR):
    """A blue and a red flat in, one flat out."""

    first = image_input("flat_blue", "Flat in the blue light of the lamp.")
    second = image_input("flat_red", "Flat in the red light of the lamp.")
    output = calibration_output("flat", "Weighted mean of both (dimensionless, about 1).", per_filter=True)


class FlatColoursConfig(PipelineTaskConfig, ColoursConfig, pipelineConnections=FlatColoursConnections):
    """Settings of the merging of two colours."""


class FlatColoursTask(PipelineTask):
    """Merge the flats of one detector that were taken in two colours within one filter."""

    ConfigClass = FlatColoursConfig
    _DefaultName: ClassVar[str] = "flatColours"
    config: Any

    def runQuantum(
        self,
        butlerQC: QuantumContext,  # noqa: N803
        inputRefs: InputQuantizedConnection,  # noqa: N803
        outputRefs: OutputQuantizedConnection,  # noqa: N803
    ) -> None:
        """Read both flats, and store the merged one."""
        data_id = outputRefs.output.dataId
        first, second = (calibration_image(butlerQC.get(ref)) for ref in (inputRefs.first, inputRefs.second))
        result = self.run(first, second, str(data_id["instrument"]), int(data_id["detector"]), now())
        butlerQC.put(Struct(output=masked_image(result.calibration)), outputRefs)

    def run(
        self,
        first: CalibrationImage,
        second: CalibrationImage,
        instrument: str,
        detector: int,
        created: datetime,
    ) -> Struct:
        """Merge two flats.

        Parameters
        ----------
        first, second
            Flats of one detector.
        instrument, detector
            The camera and the number of its detector.
        created
            Moment of creation, with a time zone.

        Returns
        -------
        Struct
            ``calibration``: a `CalibrationImage`.
        """
        merged = merge_colours(first, second, self.config.first_weight)
        layout = layout_of_image(instrument, detector, merged.image.shape)
        merged.metadata.update(quality_cards("flat", merged.image, merged.mask, layout))
        merged.metadata.update(creation_cards(created))
        return Struct(calibration=merged)
