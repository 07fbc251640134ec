"""What a correction of the gains holds, and its table."""
