"""Planting faults: each changes what was really done, what the header says, or how the file is written."""

import dataclasses
from typing import assert_never

from infra.simulator import fault_models as models
from infra.simulator.scheduled import Conditions, ScheduledExposure

__all__ = ["plant"]


def plant(exposure: ScheduledExposure, fault: models.Fault) -> ScheduledExposure:
    """Return the exposure with one fault more."""
    planted = dataclasses.replace(exposure, faults=(*exposure.faults, fault.fault))
    if isinstance(fault, models.OtherSequencer | models.WrongTemperature | models.MissingStateKey):
        planted = _change_state(planted, fault)
    elif isinstance(fault, models.WrongExposureTime):
        lag = exposure.declared_dark_time - exposure.declared_time
        time = fault.header_time
        planted = dataclasses.replace(planted, declared_time=time, declared_dark_time=round(time + lag, 4))
    elif isinstance(fault, models.SwappedDetector):
        other = fault.other if exposure.detector.id == fault.detector else fault.detector
        conditions = dataclasses.replace(exposure.conditions, pixels_of=other)
        planted = dataclasses.replace(planted, conditions=conditions)
    else:
        planted = dataclasses.replace(planted, conditions=_change_conditions(exposure.conditions, fault))
    return planted


def _change_state(
    exposure: ScheduledExposure,
    fault: models.OtherSequencer | models.WrongTemperature | models.MissingStateKey,
) -> ScheduledExposure:
    """Take the exposure in another state of the camera, or do not say in which."""
    if isinstance(fault, models.MissingStateKey):
        return dataclasses.replace(exposure, missing_key=fault.key)
    if isinstance(fault, models.OtherSequencer):
        program = {"sequencer": fault.sequencer, "sequencer_checksum": fault.checksum}
        return dataclasses.replace(exposure, state=exposure.state.model_copy(update=program))
    rise = fault.temperature - exposure.state.temperature
    return dataclasses.replace(
        exposure,
        state=exposure.state.model_copy(update={"temperature": fault.temperature}),
        conditions=dataclasses.replace(exposure.conditions, temperature_rise=rise),
    )


type _ConditionFault = (
    models.Mislabelled
    | models.LightLeak
    | models.Saturated
    | models.LampDrop
    | models.PedestalJump
    | models.NotANumber
    | models.Truncated
    | models.Foreign
    | models.FirstExposure
    | models.DeadAmplifier
    | models.NoisyAmplifier
    | models.GainStep
    | models.DustMoved
    | models.FringeShifted
)


def _change_conditions(conditions: Conditions, fault: _ConditionFault) -> Conditions:
    """Return the conditions with a fault in them."""
    change = dataclasses.replace
    match fault:
        case models.Mislabelled():
            return _exchange_light(conditions, fault)
        case models.LightLeak():
            return change(conditions, leak=fault.level)
        case models.Saturated():
            return change(conditions, lamp_level=fault.level)
        case models.LampDrop():
            return change(conditions, lamp_factor=fault.factor)
        case models.PedestalJump():
            steps = (*conditions.pedestal_steps, (fault.amplifier, fault.step))
            return change(conditions, pedestal_steps=steps)
        case models.NotANumber():
            return change(conditions, nan_fraction=fault.fraction, nan_amplifier=fault.amplifier)
        case models.Truncated():
            return change(conditions, kept_bytes=fault.kept)
        case models.Foreign():
            return change(conditions, foreign=True)
        case models.FirstExposure():
            return change(conditions, stripes=fault.stripes, corner_glow=fault.corner_glow)
        case models.DeadAmplifier():
            dead = (*conditions.dead_amplifiers, fault.amplifier)
            stuck = () if fault.stuck_at is None else ((fault.amplifier, fault.stuck_at),)
            return change(
                conditions, dead_amplifiers=dead, stuck_amplifiers=(*conditions.stuck_amplifiers, *stuck)
            )
        case models.NoisyAmplifier():
            return change(
                conditions, noise_factors=(*conditions.noise_factors, (fault.amplifier, fault.factor))
            )
        case models.GainStep():
            return change(
                conditions, gain_factors=(*conditions.gain_factors, (fault.amplifier, fault.factor))
            )
        case models.DustMoved():
            return change(conditions, dust_shift=fault.shift)
        case models.FringeShifted():
            return change(conditions, fringe_phase=fault.phase)
        case _:
            assert_never(fault)


def _exchange_light(conditions: Conditions, fault: models.Mislabelled) -> Conditions:
    """Expose another type or filter; a true bias also has no exposure time."""
    true_type = fault.true_type or conditions.type
    changed = dataclasses.replace(
        conditions, type=true_type, physical_filter=fault.true_filter or conditions.physical_filter
    )
    if true_type == "bias":
        lag = conditions.dark_time - conditions.exposure_time
        changed = dataclasses.replace(changed, exposure_time=0.0, dark_time=lag)
    return changed
