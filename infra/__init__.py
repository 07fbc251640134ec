"""Everything outside the program: repositories, cameras, ledger, storage, settings."""
