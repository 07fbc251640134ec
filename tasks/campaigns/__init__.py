"""Campaigns: what was planned, where it was written, what it can be replayed by."""
