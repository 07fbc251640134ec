"""The gate: what a decision is bound to, and whether the decisions taken open it."""
