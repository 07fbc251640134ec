"""What the PipelineTasks of the correction of the gains are made of."""
