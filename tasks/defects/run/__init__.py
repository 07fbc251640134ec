"""Running the search for defects: its configuration, the layout of a combined image, the table's header."""
