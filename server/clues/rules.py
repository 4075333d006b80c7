"""What a clue tells, what its acts make of it, and by when the next of them is due. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import Any, Protocol, TypeVar
from uuid import UUID

from schemas.vocabulary import ClueActKind, ClueConfidence, ClueMatter, ClueStatus
from server.kernel.ids import parse_id
from server.records.head_counts import plate_of

HAND_OVER_ARTICLES = "《烟草专卖法》第三十二条、《烟草专卖法实施条例》第五十七条"
"""Selling by retail without a licence is for market supervision to punish; the bureau has no such power and hands over."""
FILING = "《烟草专卖行政处罚程序规定》（工业和信息化部令第61号）第三十三条"
REPORTED, SENT = "国务院令第310号第五条", "国务院令第310号第五条"
POLICE, GOODS = "国务院令第310号第八条", "国务院令第310号第十二条"

_DAY = timedelta(days=1)
_OUTCOMES = {
    "filed": ClueStatus.FILED,
    "not_filed": ClueStatus.NOT_FILED,
    "notified": ClueStatus.NOTIFIED,
    "merged": ClueStatus.MERGED,
}
DECISIONS: Mapping[ClueActKind, tuple[str, ...]] = {
    ClueActKind.TRANSFER_DECIDED: ("approved", "declined"),
    ClueActKind.POLICE_DECIDED: ("filed", "not_filed"),
    ClueActKind.OUTCOME: tuple(_OUTCOMES),
}
TRANSFER = (
    ClueActKind.TRANSFER_PROPOSED,
    ClueActKind.TRANSFER_DECIDED,
    ClueActKind.TRANSFER_SENT,
    ClueActKind.POLICE_DECIDED,
    ClueActKind.GOODS_SENT,
)
"""The steps of a transfer to the police (移送), in their order."""
_AFTER = dict(pairwise(TRANSFER))
_ENDS = {"declined": ClueStatus.TRANSFER_DECLINED, "not_filed": ClueStatus.POLICE_NOT_FILED}
_STANDS = {
    ClueActKind.TRANSFER_PROPOSED: ClueStatus.TRANSFER_PROPOSED,
    ClueActKind.TRANSFER_DECIDED: ClueStatus.TRANSFER_APPROVED,
    ClueActKind.TRANSFER_SENT: ClueStatus.TRANSFERRED,
    ClueActKind.POLICE_DECIDED: ClueStatus.POLICE_FILED,
    ClueActKind.GOODS_SENT: ClueStatus.POLICE_FILED,
}


class Act(Protocol):
    """What the rules read of an act."""

    @property
    def kind(self) -> str: ...
    @property
    def decision(self) -> str | None: ...
    @property
    def happened_at(self) -> datetime: ...


A = TypeVar("A", bound=Act)


@dataclass(frozen=True, slots=True)
class Told:
    """What a record of kind clue says. A text that nobody gave is None."""

    matter: str
    summary: str
    place: str | None
    plate: str | None
    confidence: str | None
    elsewhere_unit: str | None
    from_record_id: UUID | None


def told(document: Mapping[str, Any]) -> Told:
    """What a record tells of a clue; never fails on one that its schemas let through, of whatever form."""
    answers = document["answers"]
    unit = _text(answers.get("elsewhere_unit"), 200)
    if answers.get("elsewhere") is True and unit is None:
        unit = "未写明"
    return Told(
        matter=_of(ClueMatter, answers.get("matter")) or ClueMatter.OTHER.value,
        summary=_text(answers.get("summary"), 4000) or _text(document.get("narrative"), 4000) or "（未填写）",
        place=_text(answers.get("place"), 400),
        plate=plate_of(answers.get("plate"))[:20] or None,
        confidence=_of(ClueConfidence, answers.get("confidence")),
        elsewhere_unit=None if answers.get("elsewhere") is False else unit,
        from_record_id=parse_id(answers.get("from_record_id")),
    )


def _text(value: Any, longest: int) -> str | None:
    return value.strip()[:longest] or None if isinstance(value, str) else None


def _of(codes: Any, value: Any) -> str | None:
    return str(value) if value in list(codes) else None


def transfer_of(acts: Iterable[A]) -> list[A]:
    """The steps of the transfer that was proposed last, in their order; of acts in the order in which they became known."""
    steps: list[A] = []
    for act in acts:
        if act.kind == ClueActKind.TRANSFER_PROPOSED:
            steps = [act]
        elif act.kind in TRANSFER:
            steps.append(act)
    return steps


def next_step(acts: Iterable[Act]) -> ClueActKind | None:
    """Which step of a transfer may follow. One that was declined, or that the police did not file, may be proposed anew.

    Nothing follows once the goods have gone along.
    """
    steps = transfer_of(acts)
    if not steps or steps[-1].decision in _ENDS:
        return TRANSFER[0]
    return _AFTER.get(ClueActKind(steps[-1].kind))


def status_of(acts: Sequence[Act]) -> ClueStatus:
    """What has become of a clue: its outcome, else how far a transfer is, else that it was handed over or notified."""
    outcomes = [act for act in acts if act.kind == ClueActKind.OUTCOME]
    if outcomes:
        return _OUTCOMES[outcomes[-1].decision or ""]
    steps = transfer_of(acts)
    if steps:
        return _ENDS.get(steps[-1].decision or "") or _STANDS[ClueActKind(steps[-1].kind)]
    kinds = {act.kind for act in acts}
    if ClueActKind.HAND_OVER in kinds:
        return ClueStatus.HANDED_OVER
    return ClueStatus.NOTIFIED if ClueActKind.NOTICE in kinds else ClueStatus.OPEN


@dataclass(frozen=True, slots=True)
class Clock:
    """By when something has to be done, and whether it was: ``met``, ``late``, ``running`` or ``overdue``.

    ``due`` is the moment at which it is too late. ``provisional``: it rests on a year whose workdays are not known.
    """

    step: str
    article: str
    due: datetime
    done_at: datetime | None
    state: str
    provisional: bool = False


def clock(
    step: str,
    article: str,
    due: datetime,
    done_at: datetime | None,
    now: datetime,
    *,
    provisional: bool = False,
) -> Clock:
    """A clock as it reads at ``now``."""
    if done_at is not None:
        return Clock(step, article, due, done_at, "met" if done_at < due else "late", provisional)
    return Clock(step, article, due, None, "running" if now < due else "overdue", provisional)


def clocks_of(found_at: datetime, acts: Sequence[Act], now: datetime, zone: tzinfo) -> list[Clock]:
    """The clocks of the verification and of the transfer that was proposed last.

    Days are calendar days, the day itself not counted: neither rule says that they are working days, and counted so
    nobody comes too late. The head decides within 3 days of the report, what is approved goes to the police within
    24 hours (国务院令第310号第五条), the police decide within 3 days of receiving it (第八条), goods follow within 3 days of
    the notice that the case was filed (第十二条).
    """
    outcomes = [act.happened_at for act in acts if act.kind == ClueActKind.OUTCOME]
    clocks = [clock("verify", FILING, days_after(found_at, 7, zone), min(outcomes, default=None), now)]
    steps = transfer_of(acts)
    for place, act in enumerate(steps):
        following = steps[place + 1].happened_at if place + 1 < len(steps) else None
        if act.decision in _ENDS:
            break
        if act.kind == ClueActKind.TRANSFER_PROPOSED:
            clocks.append(
                clock("transfer_decided", REPORTED, days_after(act.happened_at, 3, zone), following, now)
            )
        elif act.kind == ClueActKind.TRANSFER_DECIDED:
            clocks.append(clock("transfer_sent", SENT, act.happened_at + _DAY, following, now))
        elif act.kind == ClueActKind.TRANSFER_SENT:
            clocks.append(
                clock("police_decided", POLICE, days_after(act.happened_at, 3, zone), following, now)
            )
        elif act.kind == ClueActKind.POLICE_DECIDED:
            clocks.append(clock("goods_sent", GOODS, days_after(act.happened_at, 3, zone), following, now))
    return clocks


def days_after(moment: datetime, days: int, zone: tzinfo) -> datetime:
    """The end of the day that many calendar days after the moment's own."""
    return day_over(moment.astimezone(zone).date() + days * _DAY, zone)


def day_over(day: date, zone: tzinfo) -> datetime:
    """The moment at which a day is over."""
    return datetime.combine(day + _DAY, time(), zone)
