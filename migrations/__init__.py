"""Alembic migrations: each must work with the code before it, under lock and statement timeouts."""
