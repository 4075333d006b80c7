"""The officer's published patrol of the day: setting out, its stops in their order, what is skipped, coming back."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from random import Random

import click
import httpx
from rich.console import Console

from schemas.vocabulary import CadenceTier, SkipReason, StopStatus
from server.demo import documents
from server.demo.shift.errand import Errand
from server.demo.shift.handheld import Document, Handheld
from server.kernel.ids import new_edit_id

# So many stops fit into the short day of the demonstration; the others are skipped with their reason.
MOST_VISITED = 4
_TIERS: Mapping[str, documents.Tier] = {
    "ecig_weekly": "WEEKLY",
    "ecig_monthly": "MONTHLY",
    "ecig_quarterly": "QUARTERLY",
}


@dataclass(frozen=True, slots=True)
class Patrol:
    """The patrol as the handheld holds it, with the stops that are still to be made, in their order."""

    document: Document
    stops: Sequence[Document]

    @property
    def id(self) -> uuid.UUID:
        """Its id, which is that of its dispatch too."""
        return uuid.UUID(self.document["id"])

    @property
    def visited(self) -> Sequence[Document]:
        """The stops that the team gets to."""
        return self.stops[:MOST_VISITED]

    @property
    def skipped(self) -> Sequence[Document]:
        """The stops for which there is no time."""
        return self.stops[MOST_VISITED:]


def patrol_of(handheld: Handheld, person_id: str, today: date) -> Patrol | None:
    """The patrol on which somebody is today, if it has stops left; None without one."""
    for document in handheld.documents["patrols"].values():
        on_it = any(member["person_id"] == person_id for member in document["members"])
        if document["day"] != today.isoformat() or not on_it:
            continue
        stops = sorted(
            (
                stop
                for stop in handheld.documents["stops"].values()
                if stop["patrol_id"] == document["id"] and stop["status"] == StopStatus.PLANNED
            ),
            key=lambda stop: int(stop["field_ordinal"]),
        )
        if stops:
            return Patrol(document, stops)
    return None


def began(patrol: Patrol, visit: documents.Visit, rng: Random) -> Errand:
    """The record with which the patrol begins."""
    moment = replace(visit, ended_at=visit.started_at)
    return Errand(f"出发 {patrol.document['name']}", documents.patrol(moment, rng, "start", patrol.id))


def at_stop(stop: Document, place: Document, visit: documents.Visit, rng: Random) -> Errand:
    """What the stop's checklist asks for, made there."""
    tier = _TIERS.get(stop["form_code"] or "")
    words = f"第 {stop['field_ordinal']} 站 {place['name']}（{stop['reasons'][0]['zh']}）"
    if tier is not None:
        return Errand(words, documents.ecig_check(tier, visit, rng), CadenceTier(tier), stop=stop)
    if stop["form_code"] == "depot_check":
        return Errand(words, documents.depot_check(visit, rng), stop=stop)
    return Errand(words, documents.site_visit(visit, rng), stop=stop)


def ended(patrol: Patrol, visit: documents.Visit, began_at: datetime, rng: Random) -> Errand:
    """The record with which it ends: from when it began, who was out, the vehicle, and the way that was measured."""
    people = [uuid.UUID(member["person_id"]) for member in patrol.document["members"]]
    vehicle = patrol.document["vehicle"]
    record = documents.patrol(
        replace(visit, started_at=began_at),
        rng,
        "end",
        patrol.id,
        people=people,
        plates=[vehicle["plate"]] if vehicle else [],
        metres=sum(stop["leg_metres"] for stop in patrol.visited),
    )
    return Errand(f"返回 {patrol.document['name']}", record)


def said_of(patrol: Patrol, done: Sequence[Errand]) -> list[dict[str, Document]]:
    """What the team says of its stops, as rows to push: done with the record, or skipped and why."""
    said = [
        (errand.stop, {"status": StopStatus.DONE.value, "record_id": errand.document["id"]})
        for errand in done
        if errand.stop
    ]
    no_time = {"status": StopStatus.SKIPPED.value, "skip_reason": SkipReason.NO_TIME.value}
    said += [(stop, no_time) for stop in patrol.skipped]
    return [
        {"assumedMasterState": stop, "newDocumentState": {**stop, **word, "edit_id": str(new_edit_id())}}
        for stop, word in said
    ]


def show_deed(desk: httpx.Client, patrol: Patrol, console: Console) -> None:
    """Print plan beside deed as the leader reads it.

    Raises:
        click.ClickException: when a stop that was made does not count as done.
    """
    deed = desk.get(f"/api/v1/patrols/{patrol.id}/deed").raise_for_status().json()
    figures = deed["figures"]
    console.print(
        f"   巡查计划与执行 {deed['squad']}{deed['name']}：应到 {figures['planned']} 站，完成 {figures['done']}，"
        f"跳过 {figures['skipped']}，计划外 {figures['added']} 处；"
        f"计划 {figures['metres_planned'] / 1000:.1f} km，实际 {figures['metres_done'] / 1000:.1f} km"
    )
    if figures["done"] < len(patrol.visited):
        raise click.ClickException("有已完成的站点没有计入 · a stop that was made does not count as done")
