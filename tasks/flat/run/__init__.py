"""The PipelineTasks of flats of many detectors."""
