"""The flat of a spectrograph: the response of single pixels and amplifiers, without that of the optics."""
