"""Every table of the house in one place, for migrations: importing a model registers it."""

from __future__ import annotations

import server.access.models
import server.approvals.models
import server.audit.models
import server.backups.models
import server.briefings.models
import server.cadence.duty_models
import server.cadence.models
import server.calendars.models
import server.campaigns.models
import server.clues.models
import server.custody.models
import server.dispatches.models
import server.draws.models
import server.evidence.models
import server.grids.models
import server.handovers.models
import server.issuing.models
import server.kernel.calendar
import server.kernel.events
import server.notices.models
import server.org.models
import server.outlets.models
import server.papers.models
import server.patrols.models
import server.records.models
import server.roster.models
import server.search.models  # noqa: F401
from server.kernel.db import Base
from sync import tables as sync_tables

METADATA = [Base.metadata, sync_tables.metadata]
