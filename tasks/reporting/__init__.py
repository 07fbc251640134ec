"""The report a board decides by."""
