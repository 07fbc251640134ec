"""How the ledger's database came to its present form, one revision after the other."""
