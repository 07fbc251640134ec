"""The stacking engine: many exposures of one detector in, one calibration out.

Statistics: `clipping` (the clip rule for one sample), `order_statistics` (exact quantiles), `stack` (the rule
for every pixel of a stack), `sorting` (the network under it). Streaming: `spool` (exposures on disk),
`combination` (spool to planes), `calibration` (exposures to a calibration: what bias, dark and flat share).
Skies: `background` (a mesh), `surface` (polynomials, with a pattern), `sources`, `smooth_sky` (both in turn).
Header: `metadata` (provenance, times), `quality` (percentiles, bad pixels). Pipeline: `raw_inputs`,
`connections`, `pipeline_task`.
"""
