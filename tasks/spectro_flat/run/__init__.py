"""What the PipelineTasks of the spectrograph flat are made of."""
