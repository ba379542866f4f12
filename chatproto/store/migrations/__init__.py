"""The revisions of the SQL schema, for Alembic. They are applied when a store is opened."""
