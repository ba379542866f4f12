"""Run by Alembic: applies revisions on the connection, and in the transaction, that the store gives it."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
