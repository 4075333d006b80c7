"""Approvals of inspections on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate, validates_schema

from schemas.moment import Moment
from schemas.paging import PageQuery
from schemas.record import KINDS
from schemas.wording import wrong

_TEXT = validate.Length(min=2, max=4000)


class ApprovalIn(Schema):
    """Leave to inspect one subject, or many by a plan, over some days."""

    approval_no = fields.String(load_default=None, allow_none=True, validate=validate.Length(min=2, max=80))
    kind = fields.String(required=True, validate=validate.OneOf(("single", "batch")))
    title = fields.String(required=True, validate=validate.Length(min=2, max=200))
    plan = fields.String(
        required=True,
        validate=_TEXT,
        metadata={"description": "检查方案：事由、依据、内容 why, on what ground, what"},
    )
    record_kinds = fields.List(
        fields.String(validate=validate.OneOf(KINDS)), load_default=list, validate=validate.Length(max=20)
    )
    subject_ids = fields.List(fields.UUID(), load_default=list, validate=validate.Length(max=2000))
    cell_ids = fields.List(fields.UUID(), load_default=list, validate=validate.Length(max=2000))
    first_day = fields.Date(required=True)
    last_day = fields.Date(required=True)
    channel = fields.String(
        required=True,
        validate=validate.OneOf(("desk", "phone", "urgent")),
        metadata={"description": "desk 当面, phone 电话（须补签）, urgent 紧急情况事后补批"},
    )
    approver_id = fields.UUID(load_default=None, allow_none=True)
    approved_at = Moment(load_default=None, allow_none=True)

    @validates_schema
    def _hangs_together(self, data: Mapping[str, Any], **_: Any) -> None:
        if data["first_day"] > data["last_day"]:
            raise wrong("dates_reversed", "止日早于起日。It ends before it begins.", "last_day")
        if data["kind"] == "single" and (len(data["subject_ids"]) != 1 or data["cell_ids"]):
            raise wrong(
                "one_subject", "单项审批写明一个检查对象。A single approval names one subject.", "subject_ids"
            )


class ApprovalQuery(PageQuery):
    """Which approvals."""

    on = fields.Date(load_default=None, metadata={"description": "that cover this day"})
    awaiting = fields.Boolean(load_default=False, metadata={"description": "by phone and not written up"})


class ApprovalOut(Schema):
    """An approval with what became of it."""

    id = fields.UUID()
    approval_no = fields.String()
    kind = fields.String()
    title = fields.String()
    plan = fields.String()
    record_kinds = fields.List(fields.String())
    subject_ids = fields.List(fields.UUID())
    cell_ids = fields.List(fields.UUID())
    first_day = fields.Date()
    last_day = fields.Date()
    channel = fields.String()
    approver_id = fields.UUID()
    approver = fields.String()
    approved_at = fields.AwareDateTime()
    known_at = fields.AwareDateTime()
    write_up_due = fields.AwareDateTime(allow_none=True)
    written_up_at = fields.AwareDateTime(allow_none=True)
    withdrawn_at = fields.AwareDateTime(allow_none=True)
    withdraw_reason = fields.String(allow_none=True)


class ApprovalPage(Schema):
    """A page of approvals, the newest first."""

    items = fields.List(fields.Nested(ApprovalOut), required=True)
    after = fields.String(allow_none=True)


class WriteUpIn(Schema):
    """What the approver writes when he confirms what he said by phone."""

    note = fields.String(required=True, validate=_TEXT)


class ApprovalWithdrawalIn(Schema):
    """Why an approval ends."""

    reason = fields.String(required=True, validate=_TEXT)


class UnapprovedQuery(PageQuery):
    """Over which time; at most a year."""

    since = Moment(required=True)
    until = Moment(required=True)

    @validates_schema
    def _bounded(self, data: Mapping[str, Any], **_: Any) -> None:
        if not 0 < (data["until"] - data["since"]).days <= 366:
            raise wrong("bad_period", "请给出不超过一年的起止时间。Give at most a year.", "until")


class UnapprovedOut(Schema):
    """An inspection whose approval does not stand, and why."""

    id = fields.UUID()
    kind = fields.String()
    performed_at = fields.AwareDateTime()
    subject_id = fields.UUID(allow_none=True)
    cell_id = fields.UUID(allow_none=True)
    squad_id = fields.UUID(allow_none=True)
    approval_no = fields.String(allow_none=True)
    standing = fields.String(
        metadata={
            "description": "missing, unknown, withdrawn, not_covering, after_the_fact, not_written_up, written_up_late"
        }
    )


class UnapprovedPage(Schema):
    """A page of them, the oldest first."""

    items = fields.List(fields.Nested(UnapprovedOut), required=True)
    after = fields.String(allow_none=True)
