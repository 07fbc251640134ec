"""Instrument-signature removal: one correction per module, each a plain function on arrays.

`chain.correct` makes those that `steps.IsrSteps` asks for; `steps.steps_for` says which a purpose needs (as
words, in `purposes`), and `order` in which order, that of Rubin's IsrTaskLSST or that of 2024-04.
`calibrations` holds what is known of a detector, `tables` and `tables_of_charge` read it from the tables of
the Butler, `preparation` holds it against an exposure.

The corrections: `dithering`, `overscan` (its fit in `overscan_fit`), `saturation`, `gains`, `crosstalk`
(with `crosstalk_matrix`), `linearity` (with `akima`, `linearity_kernels`, `lookup_columns`), `cti` (with
`cti_kernels`, `cti_statistics`), `assembly`, `bias`, `dark`, `defects`, `nan`, `trails`, `brighter_fatter`
and `distortion` (with `brighter_fatter_passes`, `charge_on_detector`, `convolution`), `variance`, `flat`,
`fringe`, `bad_regions`, `interpolation`, `amp_offset`, `statistics`; `camera_state` compares headers.
`config` is what a pipeline may change of all this, `long_columns` how tables keep many numbers a row.
"""
