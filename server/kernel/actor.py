"""Who acts: a signed-in person on a device or in a browser, or the house itself (jobs, the command line)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime

from server.kernel.permissions import BUREAU_WIDE, ROLES, Permission, Role, permissions_of
from server.kernel.problems import Problem


@dataclass(frozen=True, slots=True)
class Told:
    """What a device says of itself with a request; ``unread`` names what it said and could not be read."""

    device_time: datetime | None = None
    queue_length: int | None = None
    queue_oldest_at: datetime | None = None
    app_version: str | None = None
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Actor:
    """One authenticated actor.

    ``squad_ids`` are the squads of today; ``person_id`` is absent for accounts that are no field person.
    ``push_only`` marks a revoked or expired device whose pending records may still land; ``expired`` tells which.
    ``told`` is what the device says of itself with this request, ``None`` where it says nothing.
    """

    bureau_id: uuid.UUID
    account_id: uuid.UUID | None
    roles: frozenset[Role]
    person_id: uuid.UUID | None = None
    squad_ids: tuple[uuid.UUID, ...] = ()
    device_id: uuid.UUID | None = None
    push_only: bool = False
    expired: bool = False
    told: Told | None = None
    is_house: bool = False
    permissions: frozenset[Permission] = field(init=False)

    def __post_init__(self) -> None:
        granted = frozenset(Permission) if self.is_house else permissions_of(self.roles)
        object.__setattr__(self, "permissions", granted)

    @property
    def sees_bureau(self) -> bool:
        """True where every cell of the bureau is in scope."""
        return self.is_house or bool(self.roles & BUREAU_WIDE)

    def reaches_bureau(self, permission: Permission) -> bool:
        """Whether a role of his that sees the whole bureau holds the permission by itself.

        An officer who also administers has his squad's cases and the bureau's grid, and not the bureau's cases.
        """
        return self.is_house or any(permission in ROLES[role] for role in self.roles & BUREAU_WIDE)

    def must(self, permission: Permission) -> None:
        """Raise ``Problem("forbidden")`` unless the actor holds ``permission``.

        A revoked device may still push and may do nothing else: ``Problem("device_revoked")``.
        """
        if self.push_only and permission is not Permission.SYNC_USE:
            raise Problem("device_revoked")
        if permission not in self.permissions:
            raise Problem(
                "forbidden", detail=f"需要权限 {permission}。This needs the permission {permission}."
            )


def house(bureau_id: uuid.UUID) -> Actor:
    """The actor of jobs and of the command line, for one bureau."""
    return Actor(bureau_id=bureau_id, account_id=None, roles=frozenset(), is_house=True)
