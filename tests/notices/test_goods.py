"""Goods registered in advance: whoever can see to a decision is told while there is time, and once it is over."""

from __future__ import annotations

import uuid
from random import Random

import pytest
from sqlalchemy import text

from schemas.custody import CustodyDecisionIn
from schemas.vocabulary import NoticeKind
from server.custody.deciding import decide
from server.demo import documents
from server.demo.registered import RegisteredGoods
from server.kernel.actor import Actor, house
from server.notices.models import Notice
from server.notices.ops import plan
from server.notices.wording import body
from tests.fieldwork import push_at, visit_of
from tests.notices.conftest import Place, moment
from tests.town import ROLE_ACCOUNTS


@pytest.fixture
def registered(place: Place) -> uuid.UUID:
    """A list signed on Monday 2026-07-06, whose seventh working day is Wednesday 07-15."""
    visit = visit_of(place.town, 0, moment(7, 6, 9))
    goods = [RegisteredGoods("cigarette", "样例牌（硬）", 12, "carton")]
    document = documents.registration_list(visit, Random(1), goods, inspection_id=uuid.uuid4())
    assert push_at(place.kernel, place.town, "li", moment(7, 6, 12), document) == []
    return uuid.UUID(document["id"])


def of_goods(place: Place) -> list[Notice]:
    return [notice for notice in place.notices() if notice.kind == NoticeKind.GOODS_UNDECIDED]


def test_the_squad_is_told_two_working_days_ahead_and_the_bureau_once_it_is_over(
    place: Place, registered: uuid.UUID
) -> None:
    place.morning(7, 10)
    assert of_goods(place) == []
    place.morning(7, 13)
    (near,) = of_goods(place)
    assert near.person_id == place.town.people["li"]
    assert near.content["counts"] == {"total": 1, "overdue": 0}
    place.morning(7, 14)
    place.morning(7, 15)
    assert len(of_goods(place)) == 1
    place.morning(7, 16)
    late = of_goods(place)[1:]
    assert {notice.person_id or notice.account_id for notice in late} == {
        place.town.people["li"],
        place.town.accounts["ju"],
    }
    mail = body(NoticeKind.GOODS_UNDECIDED, late[0].day, late[0].content)
    assert "1 份登记保存清单待作出处理决定" in mail
    assert "已逾期 · overdue，决定期限 2026-07-15（周三），1 行物品未决定" in mail
    page = place.client("li").get("/api/v1/notices", query_string={"kind": "goods_undecided"}).get_json()
    assert [item["day"] for item in page["items"]] == ["2026-07-16", "2026-07-13"]


def test_nobody_is_told_of_what_is_decided(place: Place, registered: uuid.UUID) -> None:
    town = place.town
    leader = Actor(town.bureau_id, town.accounts["ju"], roles=frozenset(ROLE_ACCOUNTS["ju"]))
    given = {
        "outcome": "return",
        "decided_on": "2026-07-10",
        "document_no": "样退1号",
        "reason": "有合法来源",
    }
    with place.kernel.work(leader, moment(7, 10)) as work:
        decide(work, registered, CustodyDecisionIn().load(given))
    for day in (13, 16):
        place.morning(7, day)
    assert of_goods(place) == []


def test_what_is_long_over_is_no_news(place: Place, registered: uuid.UUID) -> None:
    with place.kernel.work(house(place.town.bureau_id), moment(8, 17)) as work:
        assert [draft for draft in plan(work) if draft.digest.kind == NoticeKind.GOODS_UNDECIDED] == []


def test_the_bureau_stands_in_for_a_squad_without_a_leader(place: Place, registered: uuid.UUID) -> None:
    with place.kernel.work(house(place.town.bureau_id), moment(7, 13)) as work:
        work.session.execute(text("update squad_member set leads = false"))
    with place.kernel.work(house(place.town.bureau_id), moment(7, 13)) as work:
        drafts = [draft.digest for draft in plan(work) if draft.digest.kind == NoticeKind.GOODS_UNDECIDED]
    assert [digest.recipient.account_id for digest in drafts] == [place.town.accounts["ju"]]
