"""The gate: what a decision is bound to, and whether the decisions taken open it."""

from tasks.gate.binding import CandidateContent, binding_digest

__all__ = ["CandidateContent", "binding_digest"]
