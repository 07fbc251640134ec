"""What the fits give: the linearizer of a detector, and its layout as tables."""
