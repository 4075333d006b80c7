"""What is found in the day and what follows from it: an order, goods registered, a letter, a word put right."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

from schemas.vocabulary import DutyRule
from server.demo import documents
from server.demo.registered import RegisteredGoods
from server.demo.shift.errand import Errand
from server.demo.shift.handheld import Document
from server.kernel.ids import new_edit_id, new_id

VisitAt = Callable[[Document, str], documents.Visit]

_BASES = ("category", "product_spec", "quantity", "unit")


def order_to_rectify(outlet: Document, visit: documents.Visit, rng: Random) -> Errand:
    """An inspection that finds no sign for minors and orders it put up by a day, which is checked again."""
    return Errand(
        f"检查 {outlet['name']}，责令限期改正",
        documents.site_visit(visit, rng, cause="no_minors_sign"),
        asks=DutyRule.RECTIFICATION_RECHECK,
    )


def goods_registered(
    outlet: Document, visit: documents.Visit, list_visit: documents.Visit, rng: Random
) -> Iterator[Errand]:
    """An inspection that finds goods not bought from the local wholesaler, and the list by which they are kept."""
    inspection = documents.site_visit(visit, rng, cause="not_from_local_wholesaler")
    yield Errand(f"检查 {outlet['name']}，查获非渠道卷烟", inspection, asks=DutyRule.TRIPLE_RECHECK)
    lines = [RegisteredGoods(*(line[name] for name in _BASES)) for line in inspection["answers"]["goods"]]
    yield Errand(
        f"证据先行登记保存 {outlet['name']}，{len(lines)} 种",
        documents.registration_list(list_visit, rng, lines, inspection_id=visit.record_id),
        registers=True,
    )


def letter_to_the_postal_authority(depot: Document, visit: documents.Visit, rng: Random) -> Errand:
    """A check of a depot that finds a parcel over the limit: what is to be put right there is the postal authority's."""
    return Errand(
        f"检查寄递网点 {depot['name']}，函告邮政管理部门整改",
        documents.depot_check(visit, rng, abnormal=True),
        asks=DutyRule.DEPOT_RECHECK,
    )


def word_put_right(amended: Errand, at: datetime) -> Errand:
    """An amendment of a record of the day: the record stays, and the word that was wrong is put right with a reason."""
    document: dict[str, Any] = copy.deepcopy(amended.document)
    original = uuid.UUID(document["id"])
    document |= {
        "id": str(new_id(at)),
        "edit_id": str(new_edit_id()),
        "amends_id": str(original),
        "amend_reason": "现场笔录误记了当事人陈述，经核对录像更正。",
        "narrative": f"{document['narrative']}更正：当事人称标志昨日脱落，非一直未设。",
    }
    return Errand(f"更正记录 {original}", document, amends=original)


def pause_of(step: timedelta) -> timedelta:
    """Between an inspection and the list that belongs to it."""
    return min(step / 2, timedelta(minutes=6))
