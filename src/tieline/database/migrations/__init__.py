"""Alembic migrations; `tieline.database.migrate` runs them."""
