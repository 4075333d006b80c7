"""What stands on each paper, made from a record, its form and what is told besides. Pure: see model.py."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

from schemas.vocabulary import PaperKind
from server.papers import wording
from server.papers.answers import (
    Schema,
    answered_rows,
    checklist,
    is_rows,
    rows_blocks,
    written,
    written_moment,
)
from server.papers.model import (
    NOT_TOLD,
    Block,
    PaperModel,
    Photo,
    Rows,
    Section,
    Sentences,
    Signature,
    Signatures,
    Told,
    Verification,
)
from server.papers.rules import own_paper, written_day
from server.papers.verifying import address_of, code_of, digest_of
from server.records.extraction import day_of
from server.records.goods import rows_of

# Printed in a place of their own on each paper.
_ELSEWHERE: Final = frozenset(
    {
        *("items", "signatures", "party_opinion", "party_present", "party_name", "witness", "refusal_reason"),
        *("result", "cause", "disposal", "rectify"),
    }
)


def papers_of(document: Mapping[str, Any]) -> tuple[PaperKind, ...]:
    """The papers that a record gives: its own, and the order to put something right that it gave."""
    own = own_paper(document["kind"], document["form_code"], document["visit_kind"])
    kinds = () if own is None else (own,)
    return (*kinds, PaperKind.RECTIFICATION_ORDER) if _order(document) else kinds


def _order(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    answers = document["answers"]
    order = answers.get("rectify")
    if answers.get("disposal") != "rectify" or not isinstance(order, dict):
        return None
    # Of a form that is not known here the day may be anything: then no order was drawn out, and there is no paper of one.
    dated = day_of(order.get("due_on")) is not None
    return order if order.get("demand") and dated and document.get("subject_id") else None


def compose(
    kind: PaperKind, document: Mapping[str, Any], title: str, schema: Schema | None, told: Told
) -> PaperModel:
    """A paper of a record. ``title`` and ``schema`` are its form's; ``None`` where the server has no such form, and the
    answers are then printed by the names that the device gave them.
    """
    composer = _Composer(document, title, schema or {}, told)
    sections = tuple(
        composer.rectification_order() if kind is PaperKind.RECTIFICATION_ORDER else composer.record(kind)
    )
    record_id = uuid.UUID(document["id"])
    digest = digest_of(document)
    code = code_of(kind, record_id, digest)
    return PaperModel(
        kind=kind,
        bureau=told.bureau,
        title=kind.label_zh,
        number=told.numbers.get(kind.value),
        provisional_no=document.get("provisional_no") or None,
        marks=tuple(composer.marks(kind)),
        sections=sections,
        photos=tuple(composer.photos()),
        verification=Verification(str(record_id), digest, code, address_of(told.public_url, code)),
        seal_day=composer.day if kind is PaperKind.RECTIFICATION_ORDER else None,
    )


class _Composer:
    """The parts of papers of one record."""

    def __init__(self, document: Mapping[str, Any], title: str, schema: Schema, told: Told) -> None:
        self.document, self.form_title, self.schema, self.told = document, title, schema, told
        self.answers: Mapping[str, Any] = document["answers"]
        offset = timedelta(seconds=told.clock_offset_s)
        self.began = datetime.fromisoformat(document["started_at"]) - offset
        self.ended = datetime.fromisoformat(document["ended_at"]) - offset
        self.day = written_day(self.began.astimezone(told.zone).date())

    @property
    def has_party(self) -> bool:
        """Whether there is somebody to ask and to sign: not behind a closed door, and not in a session of many."""
        if self.document["kind"] == "attempt":
            return self.answers.get("reason") == "refused"
        return self.party() != NOT_TOLD or "party_opinion" in self.schema.get("properties", {})

    def text(self, name: str) -> str:
        """One answer in Chinese, "" for none."""
        schema = self.schema.get("properties", {}).get(name, {})
        return written(self.answers.get(name), schema, self.told.zone, self.told.names)

    def marks(self, kind: PaperKind) -> Iterator[str]:
        """What must be known of the whole paper before it is read."""
        told, zone = self.told, self.told.zone
        if not told.effective:
            yield wording.NO_EFFECT
        if told.later:
            for one in told.later:
                day = written_moment(one.received_at, zone)
                yield f"本文书所载记录已于{day}更正，更正理由：{_unended(one.reason)}。应与更正后的文书一并使用。"
        if told.effective and told.earlier:
            reason = _unended(self.document.get("amend_reason"))
            origin = told.earlier[0]
            yield (
                f"本文书为更正后的文书（第{len(told.earlier)}次更正），更正理由：{reason}。"
                f"原记录于{written_moment(origin.received_at, zone)}收到，编号不变。"
            )
        if kind.value not in told.numbers:
            yield wording.UNNUMBERED

    def record(self, kind: PaperKind) -> Iterator[Section]:
        """A scene record, an inspection record or a registration list."""
        yield Section(None, (Rows(tuple(self.heading(kind))), Sentences(tuple(self.opening(kind)))))
        listed = list(self.lists(kind))
        items = checklist(self.answers, self.schema)
        if kind is not PaperKind.REGISTRATION_LIST:
            found: list[Block] = [items] if items else []
            if rows := self.rows():
                found.append(rows)
            if narrative := self.document.get("narrative"):
                found.append(Sentences((f"现场情况：{narrative}",)))
            if found:
                yield Section(self.form_title or "记录内容", tuple(found))
            yield from listed
            if outcome := tuple(self.outcome()):
                yield Section("结论和处理", (Rows(outcome),))
        else:
            yield from listed
            if rows := self.rows():
                yield Section("保存情况", (rows,))
            if narrative := self.document.get("narrative"):
                yield Section("备注", (Sentences((narrative,)),))
        opinion = (Sentences((self.opinion(),)),) if self.has_party else ()
        yield Section("当事人意见和签名" if self.has_party else "签名", (*opinion, self.signatures()))

    def rows(self) -> Rows | None:
        """Every other answer; of a witness written down in parts all parts."""
        elsewhere = _ELSEWHERE - {"witness"} if isinstance(self.answers.get("witness"), dict) else _ELSEWHERE
        return answered_rows(self.answers, self.schema, self.told.zone, self.told.names, elsewhere)

    def heading(self, kind: PaperKind) -> Iterator[tuple[str, str]]:
        """When, where, who with whom."""
        verb = wording.VERBS[kind]
        began, ended = self.began.astimezone(self.told.zone), self.ended.astimezone(self.told.zone)
        last = (
            f"{ended.hour}时{ended.minute:02d}分"
            if ended.date() == began.date()
            else written_moment(ended, self.told.zone)
        )
        yield f"{verb}时间", f"{written_moment(began, self.told.zone)}至{last}"
        if (place := self.place()) != NOT_TOLD:
            yield f"{verb}地点", place
        if (party := self.party()) != NOT_TOLD:
            yield "当事人", party
        if subject := self.told.subject:
            if subject.licence_no:
                yield "许可证号", subject.licence_no
            if subject.holder:
                yield "负责人", subject.holder
        if name := self.text("party_name"):
            yield "在场人", name
        if witness := self.witness():
            yield "见证人", witness
        yield f"{verb}人员", "；".join(self.officers())
        if kind is not PaperKind.REGISTRATION_LIST:
            yield f"{verb}类别", wording.VISITS.get(self.document["visit_kind"], self.document["visit_kind"])
        if approval := self.document.get("approval_no"):
            yield "审批编号", approval

    def party(self) -> str:
        """Whom it is about: by the register, else as the record describes them."""
        if self.told.subject:
            return self.told.subject.name
        described = self.answers.get("unlicensed_subject")
        if isinstance(described, dict) and described.get("name"):
            return str(described["name"])
        return self.party_name() or NOT_TOLD

    def party_name(self) -> str:
        """Who was there for the party; a registration list writes them down as one answer of several parts."""
        party = self.answers.get("party")
        return str(party.get("name") or "") if isinstance(party, dict) else self.text("party_name")

    def witness(self) -> str:
        """Who was called as a witness, and from where."""
        witness = self.answers.get("witness")
        if not isinstance(witness, dict):
            return self.text("witness")
        name, unit = witness.get("name") or "", witness.get("unit")
        return f"{name}（{unit}）" if name and unit else str(name)

    @property
    def refused(self) -> bool:
        """Whether the party would not sign."""
        return self.answers.get("party_opinion") == "refused_sign" or self._attendance == "refused"

    @property
    def absent(self) -> bool:
        """Whether the party was not there."""
        return self.answers.get("party_present") == "no" or self._attendance == "absent"

    @property
    def _attendance(self) -> str | None:
        party = self.answers.get("party")
        return party.get("attendance") if isinstance(party, dict) else None

    def place(self) -> str:
        """The address by the register, else what the record says, else the position."""
        described = self.answers.get("unlicensed_subject")
        if self.told.subject and self.told.subject.address:
            return self.told.subject.address
        if isinstance(described, dict) and described.get("address"):
            return str(described["address"])
        if road := self.text("road"):
            return road
        position = self.document.get("position")
        if position:
            return f"东经{position['lon']:.5f}度，北纬{position['lat']:.5f}度"
        return NOT_TOLD

    def officers(self) -> Iterator[str]:
        """Everybody who signed as an officer, with the certificate shown."""
        for officer in self.document["officers"]:
            name = self.told.names.get(str(officer.get("person_id")), "（人员库中无此人）")
            yield f"{name}（执法证号 {officer['cert_no']}）" if officer.get("cert_no") else name

    def opening(self, kind: PaperKind) -> Iterator[str]:
        """What was told and shown before anything else; only what the record says is said."""
        shown = self.document.get("cert_shown")
        if shown or kind is not PaperKind.SCENE_RECORD:
            yield wording.SHOWN[shown]
        if self.document.get("notice_given"):
            yield wording.NOTICE
        if kind is PaperKind.REGISTRATION_LIST:
            yield wording.REGISTRATION

    def lists(self, kind: PaperKind) -> Iterator[Section]:
        """Everything that is a list of rows: goods, stock, cartons, orders, vehicles."""
        for name, schema in self.schema.get("properties", {}).items():
            lines = self.answers.get(name)
            if name in _ELSEWHERE or not is_rows(schema) or not lines:
                continue
            title = "物品清单" if kind is PaperKind.REGISTRATION_LIST else str(schema.get("title", name))
            yield Section(title, rows_blocks(lines, schema, self.told.zone, self.told.names))

    def outcome(self) -> Iterator[tuple[str, str]]:
        """What was found and what is done about it."""
        for name in ("result", "cause", "disposal"):
            if text := self.text(name):
                yield str(self.schema.get("properties", {}).get(name, {}).get("title", name)), text
        if order := _order(self.document):
            due = written_day(date.fromisoformat(order["due_on"]))
            yield "责令改正", f"{order['demand']}（期限：{due}前）"
        elif written_down := self.text("rectify"):
            yield "责令改正", written_down

    def opinion(self) -> str:
        """What the party says of what was written down, or that they would not sign."""
        witness = self.witness() or wording.BLANK
        if self.refused:
            reason = self.text("refusal_reason") or wording.BLANK
            return wording.REFUSED.format(reason=reason, witness=witness)
        if self.absent:
            return wording.ABSENT.format(witness=witness)
        return wording.OPINIONS.get(str(self.answers.get("party_opinion")), wording.OPINION_OPEN)

    def signatures(self) -> Signatures:
        """A place for everybody; with the picture where it was given on the device and has been received."""
        given: dict[str, list[str]] = {}
        for one in rows_of(self.answers, "signatures"):
            # A form that is not known here may give anything in the place of a picture.
            if isinstance(sha256 := one.get("sha256"), str) and sha256:
                given.setdefault(str(one.get("role")), []).append(sha256)
        items = [
            self._signature(wording.ROLES["officer"], self._officer_name(officer), given.get("officer"), at)
            for at, officer in enumerate(self.document["officers"])
        ]
        party, witness = self.party_name(), self.witness()
        if self.refused:
            items.append(Signature(wording.ROLES["party"], party, None, "拒绝签名"))
        elif self.has_party and not self.absent:
            items.append(self._signature(wording.ROLES["party"], party, given.get("party"), 0))
        if witness or self.refused or self.absent or given.get("witness"):
            items.append(self._signature(wording.ROLES["witness"], witness, given.get("witness"), 0))
        return Signatures(tuple(items), self.day)

    def _signature(self, role: str, name: str, given: list[str] | None, at: int) -> Signature:
        sha256 = given[at] if given and at < len(given) else None
        if sha256 is None:
            return Signature(role, name, None, "")
        if sha256 not in self.told.received:
            return Signature(role, name, None, "已在设备上签名，签名图像未收到")
        return Signature(role, name, sha256, "")

    def _officer_name(self, officer: Mapping[str, Any]) -> str:
        return self.told.names.get(str(officer.get("person_id")), "")

    def rectification_order(self) -> Iterator[Section]:
        """An order to put something right by a day (责令改正通知书)."""
        order = _order(self.document)
        if order is None:
            raise ValueError("the record orders nothing to be put right")
        due = written_day(date.fromisoformat(order["due_on"]))
        cause = self.text("cause")
        problems = [f"{cause}。"] if cause else []
        for name, item in self.schema.get("properties", {}).get("items", {}).get("properties", {}).items():
            found = (self.answers.get("items") or {}).get(name) or {}
            if found.get("result") == "fail":
                note = f"：{found['note']}" if found.get("note") else "。"
                problems.append(f"不合格项目“{item.get('title', name)}”{note}")
        inspected = self.told.numbers.get(PaperKind.INSPECTION_RECORD.value)
        record = f"（见检查（勘验）笔录 {inspected}）" if inspected else ""
        numbered = [f"{at}．{problem}" for at, problem in enumerate(problems, start=1)] or ["（见检查笔录）"]
        yield Section(
            None,
            (
                Sentences((f"{self.party()}：",)),
                Sentences(
                    (
                        f"经查，你（单位）于{self.day}在{self.place()}经营期间存在下列问题{record}：",
                        *numbered,
                        wording.ORDER.format(due=due),
                        f"改正要求：{order['demand']}",
                        wording.ORDER_AFTER,
                        wording.REMEDY,
                    )
                ),
            ),
        )
        yield Section("送达", (Sentences((self.opinion_of_order(),)), self.signatures()))

    def opinion_of_order(self) -> str:
        """Who took the order, or would not."""
        if self.refused:
            return wording.ORDER_REFUSED.format(witness=self.witness() or wording.BLANK)
        return wording.ORDER_TAKEN

    def photos(self) -> Iterator[Photo]:
        """The photos of the record in their order, each once."""
        seen: set[str] = set()
        for photo in self.document["photos"]:
            if photo["sha256"] in seen:
                continue
            seen.add(photo["sha256"])
            taken = photo.get("taken_at")
            at = written_moment(datetime.fromisoformat(taken), self.told.zone) if taken else "时间未记录"
            yield Photo(photo["sha256"], at)


def _unended(reason: str | None) -> str:
    """A reason in the middle of a sentence: people end theirs with a full stop, the paper's own follows."""
    return (reason or "").strip().rstrip("。．.；;") or NOT_TOLD
