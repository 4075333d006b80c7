"""One table: event → the rows that it speaks of and that its seal covers too (docs/audit.md)."""

from __future__ import annotations

from server.audit.chaining import Contents, Covered
from server.records.sealed import digests_of_records, unnamed_records

CONTENTS: Contents = {
    "records.received": Covered(digests=digests_of_records, unnamed=unnamed_records),
}
