"""The flat of a slitless spectrograph."""
