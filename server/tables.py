"""Every table of the house in one place, for migrations: importing a model registers it."""

from __future__ import annotations

from server.kernel.db import Base
from sync import tables as sync_tables

METADATA = [Base.metadata, sync_tables.metadata]
