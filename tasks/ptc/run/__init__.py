"""What the PipelineTask is made of: its configuration, the work of one detector, and what it stores."""
