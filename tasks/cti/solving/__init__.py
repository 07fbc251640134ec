"""Deferred charge solved from overscans: extended edges, output amplifier, transfers, traps."""
