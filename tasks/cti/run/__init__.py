"""What the tasks share: settings, streaming of raws, verification."""
