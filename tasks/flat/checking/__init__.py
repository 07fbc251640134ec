"""What a flat of many detectors is judged by: the fit over the focal plane, and each own pattern."""
