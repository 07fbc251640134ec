"""Instrument-signature removal: one correction per module, each a plain function on arrays.

`chain.correct` makes those that `steps.IsrSteps` asks for, `steps.steps_for` says which a calibration needs,
and `amplifier_steps` and `detector_steps` hold their order. Corrections so far: `dithering`, `overscan`
(serial; its fit in `overscan_fit`), `saturation`, `gains`, `overscan` (parallel), `assembly`, `bias`, `dark`,
`nan`, `variance`, `flat`, `statistics`. `config` is what a pipeline may change of them.
"""
