"""The steps from a combined flat to the flat of a spectrograph."""
