"""Alembic's entry point: migrates on the connection, and in the transaction, that the ledger has opened."""

from alembic import context

from infra.ledger.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
