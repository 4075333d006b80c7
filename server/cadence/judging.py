"""Every obligation of a bureau, judged in the database: the set-based twin of rules.judge.

The statement is in judging.sql. It reads facts alone, so any past moment can be asked for; that it agrees with the rules on
every obligation is proved on random histories (tests/cadence/test_judging.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from importlib.resources import files
from typing import Any

from sqlalchemy import (
    Boolean,
    Date,
    DateTime,
    Integer,
    Subquery,
    Text,
    bindparam,
    column,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from schemas.vocabulary import CadenceTier, Deed, DutyRule, LicenceScope
from server.cadence.histories import OF_OUTLETS, OF_TIERS
from server.cadence.models import Obligation
from server.cadence.rulebook import Rulebook
from server.cadence.timeline import load_timeline
from server.kernel.bulk import as_rows
from server.kernel.work import Work

_UUID = UUID(as_uuid=True)
_STATEMENT = text(files("server.cadence").joinpath("judging.sql").read_text(encoding="utf-8"))
_COLUMNS: tuple[Any, ...] = (
    column("obligation_id", _UUID),
    column("subject_kind", Text),
    column("subject_id", _UUID),
    column("cell_id", _UUID),
    column("squad_id", _UUID),
    column("officer_id", _UUID),
    column("rule", Text),
    column("trigger_id", _UUID),
    column("tier", Text),
    column("key", Text),
    column("first_day", Date),
    column("last_day", Date),
    column("grace_last_day", Date),
    column("state", Text),
    column("met_by", _UUID),
    column("made_up_by", _UUID),
    column("performed_at", DateTime(timezone=True)),
    column("days_late", Integer),
    column("attempts", ARRAY(_UUID)),
    column("provisional", Boolean),
)
# What can be performed, the deepest checklist first. A set of them is a number with a bit for each place in this order.
_PERFORMED = [*sorted(CadenceTier, key=lambda tier: -tier.depth), *sorted(Deed)]
# The planner cannot know how many rows the statement's own tables have: left to itself it sorts them anew for every step
# of the walk. What is hashed once stays, if there is memory for it.
_PLANNING = {"work_mem": "256MB", "enable_mergejoin": "off", "enable_nestloop": "off"}


@contextmanager
def judged_rows(
    work: Work, as_of: datetime, keys: Mapping[CadenceTier, Sequence[str]] | None = None
) -> Iterator[Subquery]:
    """What the tiers ask for, as known by ``as_of`` and judged at it, a row each, to select from and to group by.

    It is read within the ``with``, for so long the planner is set for it and for nothing else of the transaction.

    With ``keys`` only the periods named of each tier, otherwise all. The columns are those of rules.Judgement:
    obligation_id, subject_kind, subject_id, cell_id (where the subject lay when it was settled), squad_id and officer_id
    (who answered for that cell on the last day, or at ``as_of`` before it; null where nobody did), rule, trigger_id (null),
    tier, key, first_day, last_day, grace_last_day, state (ObligationState), met_by, made_up_by, performed_at, days_late,
    attempts (record ids in order of time) and provisional. Nobody's scope is looked at.

    Raises KeyError where a tier that is owed has no policy on the first day.
    """
    windows = _windows(_spans(work), load_timeline(work).rulebook)
    if keys is None:
        named = None
    else:
        asked = {(tier, key) for tier in keys for key in keys[tier]}
        named = as_rows([{"tier": tier, "key": key} for tier, key in sorted(asked)])
    with _planned(work):
        yield _judged(work, as_of, windows, named, triggered=False)


@contextmanager
def judged_duties(work: Work, as_of: datetime) -> Iterator[Subquery]:
    """What something triggered and was known by ``as_of``, judged at it; columns as of ``judged_rows``, without a tier.

    Where a subject lay that has no register of outlets is told by no fact: its cell is the one where it is kept.
    """
    with _planned(work):
        yield _judged(work, as_of, [], triggered=True)


@contextmanager
def _planned(work: Work) -> Iterator[None]:
    """The planner set as the statement needs it; a transaction that fails meanwhile sets it back by itself."""
    before = work.session.execute(select(*(func.current_setting(name).label(name) for name in _PLANNING)))
    kept = before.mappings().one()
    _plan(work, _PLANNING)
    yield
    _plan(work, kept)


def _plan(work: Work, chosen: Mapping[Any, str]) -> None:
    work.session.execute(select(*(func.set_config(name, value, True) for name, value in chosen.items())))


def _judged(
    work: Work,
    as_of: datetime,
    windows: list[dict[str, Any]],
    keys: str | None = None,
    *,
    triggered: bool,
) -> Subquery:
    bound = [
        bindparam(name, value, kind, unique=True)
        for name, value, kind in (
            ("bureau_id", work.bureau_id, _UUID),
            ("as_of", as_of, DateTime(timezone=True)),
            ("today", as_of.astimezone(work.zone).date(), Date),
            ("zone", work.zone.key, Text),
            ("windows", as_rows(windows), Text),
            ("keys", keys, Text),
            ("triggered", triggered, Boolean),
            ("scope", LicenceScope.ECIG.value, Text),
            ("performed", list(_PERFORMED), ARRAY(Text)),
            ("superseding", [rule.value for rule in DutyRule if rule.supersedes], ARRAY(Text)),
        )
    ]
    return _STATEMENT.bindparams(*bound).columns(*_COLUMNS).subquery("judged")


def _spans(work: Work) -> Iterable[tuple[CadenceTier, date, date]]:
    """The windows that anybody owes: few, for subjects share their periods."""
    found = (
        select(Obligation.tier, Obligation.first_day, Obligation.last_day)
        .where(Obligation.bureau_id == work.bureau_id, OF_OUTLETS, OF_TIERS)
        .distinct()
    )
    for tier, first_day, last_day in work.session.execute(found):
        yield CadenceTier(tier or ""), first_day, last_day


def _windows(spans: Iterable[tuple[CadenceTier, date, date]], rulebook: Rulebook) -> list[dict[str, Any]]:
    """What decides about each window, as rows."""
    rows = []
    for tier, first_day, last_day in spans:
        window = rulebook.window(tier, first_day, last_day)
        rows.append(
            {
                "tier": tier.value,
                "first_day": first_day,
                "last_day": last_day,
                "due_from": window.due_from,
                "grace_last_day": window.grace_last_day,
                "waived_by_rule": window.waived_by_rule,
                "provisional": window.provisional,
                "min_gap_days": window.min_gap_days,
                "checklists": sum(1 << _PERFORMED.index(one) + 1 for one in window.checklists),
            }
        )
    return rows
