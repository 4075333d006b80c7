"""What became of the outlets of a draw, and what of it is made public (双随机、一公开)."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select

from schemas.draws import PublicSheet
from schemas.vocabulary import CadenceTier, ObligationState
from server.cadence.histories import load_histories
from server.cadence.models import VisitFact
from server.cadence.rules import judge
from server.cadence.timeline import need_rulebook
from server.draws.models import Draw
from server.draws.queries import PUBLISHED, Progress
from server.kernel.bulk import among
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.outlets.models import Outlet
from server.records.models import Record, RecordOfficer
from server.records.superseding import last_words, stands
from server.reports.heading import bureau_name
from server.reports.sheets import NO_FIGURE, Column, Sheet

INSPECTIONS = ("routine", "special", "case")
NOT_CHECKED = "not_checked"
RESULTS = {"normal": "正常", "abnormal": "异常", NOT_CHECKED: "未检查"}
PUBLIC_COLUMNS = (
    Column("licence_no", "许可证号", brief=True, text=True, width=1.9),
    Column("outlet", "零售户", brief=True, text=True, width=2.4),
    Column("date", "检查日期", brief=True, text=True),
    Column("result", "检查结果", brief=True, text=True),
    Column("officers", "执法证号", brief=True, text=True, width=2.4),
)


@dataclass(frozen=True, slots=True)
class Visit:
    """A valid inspection of a drawn outlet: ``came`` are those who signed, by person and by certificate number."""

    record_id: uuid.UUID
    performed_at: datetime
    result: str | None
    people: frozenset[uuid.UUID]
    came: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One drawn outlet. ``team_as_drawn``: everybody of the team was there, whoever else came along."""

    ordinal: int
    licence_no: str
    outlet_id: uuid.UUID
    outlet: str
    squad: str | None
    team: tuple[str, ...]
    due: date
    state: ObligationState
    visit: Visit | None
    team_as_drawn: bool | None

    def as_row(self) -> dict[str, Any]:
        """The row by field name."""
        visit = self.visit
        names = ("ordinal", "licence_no", "outlet_id", "outlet", "squad", "team", "due", "team_as_drawn")
        return {
            **{name: getattr(self, name) for name in names},
            "state": self.state.value,
            "record_id": visit.record_id if visit else None,
            "performed_at": visit.performed_at if visit else None,
            "result": visit.result if visit else None,
            "came": visit.came if visit else (),
        }


def outcomes_of(work: Work, progress: Progress) -> list[Outcome]:
    """Every outlet drawn, in the order of the draw, with what became of it as known now.

    The state of a spot check is that of the outlet's obligation, which any valid check meets; that of a special
    inspection follows from its days. Of several visits the one of the drawn team is shown, else the first.
    """
    draw, teams = progress.draw, progress.teams
    outlets = {team.licence_no: uuid.UUID(draw.identities["outlets"][team.licence_no]) for team in teams}
    people = {cert_no: uuid.UUID(one) for cert_no, one in draw.identities["officers"].items()}
    squads = {one["licence_no"]: one["squad"] for one in json.loads(draw.frozen)["outlets"]}
    ids = list(outlets.values())
    names = dict(work.session.execute(select(Outlet.id, Outlet.name).where(among(Outlet.id, ids))).all())
    judged = _judged(work, draw, ids) if draw.tier else {}
    visits = _visits(work, draw, ids, {record for _, _, record in judged.values() if record})
    found = []
    for ordinal, team in enumerate(teams, start=1):
        outlet_id = outlets[team.licence_no]
        drawn = frozenset(people[cert_no] for cert_no in team.cert_nos)
        visit = _shown(visits[outlet_id], drawn)
        due, state, _ = judged.get(outlet_id) or (draw.to_day, _state(work, draw, visit), None)
        found.append(
            Outcome(
                ordinal=ordinal,
                licence_no=team.licence_no,
                outlet_id=outlet_id,
                outlet=names[outlet_id],
                squad=squads[team.licence_no],
                team=team.cert_nos,
                due=due,
                state=state,
                visit=visit,
                team_as_drawn=drawn <= visit.people if visit else None,
            )
        )
    return found


def _shown(visits: Sequence[Visit], drawn: frozenset[uuid.UUID]) -> Visit | None:
    ordered = sorted(visits, key=lambda one: (not drawn <= one.people, one.performed_at, one.record_id))
    return ordered[0] if ordered else None


def _state(work: Work, draw: Draw, visit: Visit | None) -> ObligationState:
    today = work.now.astimezone(work.zone).date()
    if visit is not None:
        return ObligationState.MET
    if today < draw.from_day:
        return ObligationState.UPCOMING
    return ObligationState.OPEN if today <= draw.to_day else ObligationState.MISSED


def _judged(
    work: Work, draw: Draw, outlet_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, tuple[date, ObligationState, uuid.UUID | None]]:
    """By outlet the last day, the state and the record of the obligation that the spot check is about."""
    rulebook = need_rulebook(work, work.now.astimezone(work.zone).date())
    found = {}
    for outlet_id, loaded in load_histories(work, outlet_ids).items():
        for one in judge(loaded.history, rulebook, work.now):
            if (one.obligation.tier, one.obligation.key) == (draw.tier, draw.key):
                record = one.met_by or one.made_up_by
                found[outlet_id] = one.obligation.last_day, one.state, record
    return found


def _visits(
    work: Work, draw: Draw, outlet_ids: Sequence[uuid.UUID], counted: set[uuid.UUID]
) -> Mapping[uuid.UUID, list[Visit]]:
    """The valid inspections of these outlets in the days of the draw, and the records that met an obligation.

    An amendment is not another visit: of a record that was amended the last word is shown, under the record's own id.
    """
    last = last_words(work.bureau_id, work.now)
    record_id = func.coalesce(last.c.original_id, Record.id)
    first = datetime.combine(draw.from_day, time(), work.zone)
    until = datetime.combine(draw.to_day + timedelta(days=1), time(), work.zone)
    within = Record.performed_at.between(first, until - timedelta(microseconds=1))
    rows = work.session.execute(
        select(record_id, Record.id, Record.subject_id, Record.performed_at, _result(Record))
        .outerjoin(last, last.c.record_id == Record.id)
        .where(
            stands(work, work.now),
            among(Record.subject_id, outlet_ids),
            Record.valid,
            Record.performed_at <= work.now,
            (within & _of_the_kind(work, draw, record_id)) | record_id.in_(counted),
        )
        .order_by(Record.performed_at, Record.id)
    ).all()
    people: dict[uuid.UUID, list[tuple[uuid.UUID | None, str | None]]] = defaultdict(list)
    signed = select(RecordOfficer.record_id, RecordOfficer.person_id, RecordOfficer.cert_no)
    of_rows = among(RecordOfficer.record_id, [row[1] for row in rows])
    for word_id, person_id, cert_no in work.session.execute(
        signed.where(of_rows).order_by(RecordOfficer.record_id, RecordOfficer.ordinal)
    ):
        people[word_id].append((person_id, cert_no))
    visits: dict[uuid.UUID, list[Visit]] = defaultdict(list)
    for told_id, word_id, outlet_id, performed_at, result in rows:
        visits[outlet_id].append(
            Visit(
                told_id,
                performed_at,
                result,
                frozenset(person for person, _ in people[word_id] if person is not None),
                tuple(cert_no for _, cert_no in people[word_id] if cert_no is not None),
            )
        )
    return visits


def _of_the_kind(work: Work, draw: Draw, record_id: ColumnElement[uuid.UUID]) -> ColumnElement[bool]:
    """For a spot check a checklist that meets its tier; else any inspection, however it was filled in."""
    if draw.tier is None:
        return (Record.kind != "attempt") & Record.visit_kind.in_(INSPECTIONS)
    rulebook = need_rulebook(work, draw.from_day)
    checklists = rulebook.window(CadenceTier(draw.tier), draw.from_day, draw.to_day).checklists
    performed = select(VisitFact.record_id).where(
        VisitFact.record_id == record_id, VisitFact.tier.in_(tier.value for tier in checklists)
    )
    return performed.exists()


def _result(record: Any) -> ColumnElement[Any]:
    found: ColumnElement[Any] = record.document[("answers", "result")].as_string()
    return found


def public_sheet(work: Work, progress: Progress) -> Sheet:
    """What is made public (一公开): an outlet as soon as it was checked, and after the last day those that were not.

    So nobody who was drawn is warned. Nothing about anybody is in it that is not on a licence or a certificate.

    Raises:
        Problem: ``draw_state`` unless the draw is published.
    """
    if progress.state != PUBLISHED:
        raise Problem("draw_state")
    draw = progress.draw
    over = draw.to_day < work.now.astimezone(work.zone).date()
    rows = [_public(work, one) for one in outcomes_of(work, progress) if one.visit is not None or over]
    basis = json.loads(draw.frozen)["basis"]
    seeds = [one.seed for one in progress.rounds]
    told = {
        "name": draw.name,
        "basis": basis,
        "from_day": draw.from_day,
        "to_day": draw.to_day,
        "pool_sha256": draw.pool_sha256,
        "seeds": seeds,
        "rows": rows,
    }
    return Sheet(
        code="双随机",
        stem=f"draw-{draw.id}",
        tab="抽查结果",
        title=f"双随机抽查结果：{draw.name}",
        bureau=bureau_name(work),
        period=f"{draw.from_day} 至 {draw.to_day}",
        as_of=work.now.astimezone(work.zone),
        columns=PUBLIC_COLUMNS,
        rows=rows,
        answer=PublicSheet().dump(told),
        basis=[f"依据：{basis}", f"备选名单 SHA-256：{draw.pool_sha256}", f"种子：{'、'.join(seeds)}"],
        notes=["检查期内只公布已检查的零售户；检查期满后，抽中而未检查的列为“未检查”。"],
        portrait=True,
    )


def _public(work: Work, one: Outcome) -> dict[str, Any]:
    visit = one.visit
    return {
        "licence_no": one.licence_no,
        "outlet": one.outlet,
        "date": visit.performed_at.astimezone(work.zone).date().isoformat() if visit else None,
        "result": RESULTS.get((visit.result or "") if visit else NOT_CHECKED, NO_FIGURE),
        "officers": "、".join(visit.came if visit else one.team),
    }
