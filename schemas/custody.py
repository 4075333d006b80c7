"""Registration lists and custody on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from marshmallow import Schema, fields, validate, validates_schema

from schemas.paging import PageQuery
from schemas.wording import wrong

ACTS = ("take_in", "move", "send_out", "bring_back", "use_up", "hand_back", "transfer", "destroy")
OUTCOMES = ("return", "release", "confiscate", "transfer", "destroy")
STATES = ("undecided", "nearing", "overdue", "decided", "write_up_overdue")
PRICE_BASES = ("actual", "brand_retail", "prior_year_average", "leaf_base", "manual")

_TEXT = validate.Length(min=2, max=1000)
_NUMBER = validate.Length(min=1, max=80)
_MOST = 10**15
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "take_in": ("store_id", "person_id"),
    "move": ("store_id",),
    "send_out": ("to_unit", "document_no"),
    "bring_back": (),
    "use_up": ("document_no",),
    "hand_back": ("document_no",),
    "transfer": ("to_unit", "document_no"),
    "destroy": ("document_no", "place"),
}


def _day(value: date) -> None:
    if not 2000 <= value.year < 2200:
        raise wrong("year_out_of_range", "年份不合理。The year is out of range.")


class RegistrationQuery(PageQuery):
    """Which lists; ``overdue`` and ``nearing`` are undecided ones, by the seven working days."""

    state = fields.String(load_default=None, validate=validate.OneOf(STATES))
    squad_id = fields.UUID(load_default=None)


class RegistrationOut(Schema):
    """A registration list. ``record_id`` is the edition that holds; party and witness stand in that record."""

    id = fields.UUID()
    record_id = fields.UUID()
    inspection_id = fields.UUID(allow_none=True)
    squad_id = fields.UUID(allow_none=True)
    cell_id = fields.UUID(allow_none=True)
    registered_at = fields.AwareDateTime()
    keep_mode = fields.String(allow_none=True)
    approval_channel = fields.String(allow_none=True)
    approval_no = fields.String(allow_none=True)
    write_up_due = fields.AwareDateTime(allow_none=True)
    valid = fields.Boolean()
    decide_by = fields.Date()
    provisional = fields.Boolean()
    lines = fields.Integer()
    undecided = fields.Integer()
    state = fields.String()


class RegistrationPage(Schema):
    """A page of lists, by the time of registration."""

    items = fields.List(fields.Nested(RegistrationOut), required=True)
    after = fields.String(allow_none=True)


class WhereOut(Schema):
    """How much lies where, in the line's base unit."""

    place = fields.String()
    store_id = fields.UUID(allow_none=True)
    quantity = fields.Integer()


class RegisteredLineOut(Schema):
    """A line with what was decided on it and where its goods are; places add up to what was registered."""

    seq = fields.Integer()
    category = fields.String()
    product_spec = fields.String(allow_none=True)
    barcode = fields.String(allow_none=True)
    quantity = fields.Integer()
    unit = fields.String()
    base_quantity = fields.Integer()
    base_unit = fields.String()
    condition = fields.String(allow_none=True)
    packaging = fields.String(allow_none=True)
    outcome = fields.String(allow_none=True)
    decided_on = fields.Date(allow_none=True)
    held = fields.Integer()
    places = fields.List(fields.Nested(WhereOut))
    price_fen = fields.Integer(allow_none=True)
    price_unit = fields.String(allow_none=True)
    price_basis = fields.String(allow_none=True)
    total_fen = fields.Integer(allow_none=True)


class RegistrationWhole(RegistrationOut):
    """A list with its lines; ``unpriced`` counts lines without a price of the newest valuation sheet."""

    goods = fields.List(fields.Nested(RegisteredLineOut))
    valued_on = fields.Date(allow_none=True)
    total_fen = fields.Integer(allow_none=True)
    unpriced = fields.Integer()


class CustodyGoods(Schema):
    """Goods of an act: a list, one of its lines or all, a quantity or all that is there, in a unit of the goods."""

    list_id = fields.UUID(required=True)
    seq = fields.Integer(
        strict=True, load_default=None, allow_none=True, validate=validate.Range(min=1, max=500)
    )
    quantity = fields.Integer(
        strict=True, load_default=None, allow_none=True, validate=validate.Range(min=1, max=_MOST)
    )
    unit = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=20))


class CustodyActIn(Schema):
    """What was done with goods. ``store_id`` is where they go, ``from_store_id`` where they lay, if that is not plain.

    ``person_id`` handed them in; ``to_unit`` is an authority or a laboratory, never a private person.
    """

    kind = fields.String(required=True, validate=validate.OneOf(ACTS))
    lines = fields.List(fields.Nested(CustodyGoods), required=True, validate=validate.Length(min=1, max=1000))
    happened_at = fields.AwareDateTime(load_default=None, allow_none=True)
    store_id = fields.UUID(load_default=None, allow_none=True)
    from_store_id = fields.UUID(load_default=None, allow_none=True)
    person_id = fields.UUID(load_default=None, allow_none=True)
    to_unit = fields.String(load_default=None, allow_none=True, validate=validate.Length(min=2, max=200))
    place = fields.String(load_default=None, allow_none=True, validate=validate.Length(min=2, max=200))
    document_no = fields.String(load_default=None, allow_none=True, validate=_NUMBER)
    seal_nos = fields.List(
        fields.String(validate=_NUMBER), load_default=list, validate=validate.Length(max=200)
    )
    witness_ids = fields.List(fields.UUID(), load_default=list, validate=validate.Length(max=20))
    witness_units = fields.List(
        fields.String(validate=validate.Length(min=2, max=200)),
        load_default=list,
        validate=validate.Length(max=20),
    )
    reason = fields.String(load_default=None, allow_none=True, validate=_TEXT)

    @validates_schema
    def _what_the_act_needs(self, given: Mapping[str, Any], **_more: Any) -> None:
        for name in _NEEDS.get(given.get("kind", ""), ()):
            if given.get(name) is None:
                raise wrong("needed_for_act", f"此项办理须填写 {name}。This act needs {name}.", name)


class CustodyCorrectionIn(Schema):
    """Why an act is taken back."""

    reason = fields.String(required=True, validate=_TEXT)


class CustodyEntryOut(Schema):
    """A quantity that an act moved."""

    list_id = fields.UUID()
    seq = fields.Integer()
    quantity = fields.Integer()
    base_unit = fields.String()
    from_place = fields.String()
    from_store_id = fields.UUID(allow_none=True)
    to_place = fields.String()
    to_store_id = fields.UUID(allow_none=True)


class CustodyActOut(Schema):
    """An act as it was written down; people are told by id."""

    id = fields.UUID()
    kind = fields.String()
    happened_at = fields.AwareDateTime()
    known_at = fields.AwareDateTime()
    keeper_id = fields.UUID()
    to_keeper_id = fields.UUID(allow_none=True)
    person_id = fields.UUID(allow_none=True)
    to_unit = fields.String(allow_none=True)
    place = fields.String(allow_none=True)
    document_no = fields.String(allow_none=True)
    seal_nos = fields.List(fields.String())
    witness_ids = fields.List(fields.UUID())
    witness_units = fields.List(fields.String())
    corrects_id = fields.UUID(allow_none=True)
    reason = fields.String(allow_none=True)
    entries = fields.List(fields.Nested(CustodyEntryOut))


class CustodyActPage(Schema):
    """A page of acts on a list's goods, in the order in which they were written down."""

    items = fields.List(fields.Nested(CustodyActOut), required=True)
    after = fields.String(allow_none=True)


class CustodyDecisionIn(Schema):
    """What was decided by a document on the lines named, or on all. A destruction names the day the case was closed."""

    outcome = fields.String(required=True, validate=validate.OneOf(OUTCOMES))
    decided_on = fields.Date(required=True, validate=_day)
    document_no = fields.String(required=True, validate=_NUMBER)
    reason = fields.String(required=True, validate=_TEXT)
    seqs = fields.List(fields.Integer(strict=True), load_default=list, validate=validate.Length(max=500))
    case_closed_on = fields.Date(load_default=None, allow_none=True, validate=_day)

    @validates_schema
    def _a_closed_case(self, given: Mapping[str, Any], **_more: Any) -> None:
        if (given.get("outcome") == "destroy") != (given.get("case_closed_on") is not None):
            detail = (
                "决定销毁须填写结案日期，其他决定不填。Destruction alone names the day the case was closed."
            )
            raise wrong("case_closed_on_destruction", detail, "case_closed_on")


class CustodyDecisionOut(Schema):
    """A decision as it was written down."""

    id = fields.UUID()
    list_id = fields.UUID()
    outcome = fields.String()
    decided_on = fields.Date()
    document_no = fields.String()
    reason = fields.String()
    case_closed_on = fields.Date(allow_none=True)
    known_at = fields.AwareDateTime()


class RegistrationWriteUpIn(Schema):
    """The number under which an approval was written up, and when: by default now."""

    approval_no = fields.String(required=True, validate=_NUMBER)
    written_up_at = fields.AwareDateTime(load_default=None, allow_none=True)


class RegistrationWriteUpOut(Schema):
    """As it was written down."""

    list_id = fields.UUID()
    approval_no = fields.String()
    written_up_at = fields.AwareDateTime()
    known_at = fields.AwareDateTime()


class ValuationRow(Schema):
    """The price in fen of one ``price_unit`` of a line (default: the line's own) and where it is from; null is none."""

    seq = fields.Integer(required=True, strict=True)
    price_fen = fields.Integer(
        strict=True, load_default=None, allow_none=True, validate=validate.Range(min=0, max=10**9)
    )
    price_unit = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=20))
    price_basis = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(PRICE_BASES))
    remark = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=1000))

    @validates_schema
    def _a_price_has_a_basis(self, given: Mapping[str, Any], **_more: Any) -> None:
        if given.get("price_fen") is not None and given.get("price_basis") is None:
            raise wrong("price_basis_missing", "有价格须注明依据。A price needs its basis.", "price_basis")


class ValuationIn(Schema):
    """A valuation sheet (核价表)."""

    valued_on = fields.Date(required=True, validate=_day)
    document_no = fields.String(load_default=None, allow_none=True, validate=_NUMBER)
    lines = fields.List(fields.Nested(ValuationRow), required=True, validate=validate.Length(min=1, max=500))


class StoreIn(Schema):
    """A store and the account of its first keeper."""

    code = fields.String(required=True, validate=validate.Length(min=1, max=40))
    name = fields.String(required=True, validate=validate.Length(min=2, max=200))
    keeper_id = fields.UUID(required=True)


class StoreOut(Schema):
    """A store, who answers for it, and the offer that waits to be acknowledged."""

    id = fields.UUID()
    code = fields.String()
    name = fields.String()
    keeper_id = fields.UUID(allow_none=True)
    offered_id = fields.UUID(allow_none=True)
    offered_to_id = fields.UUID(allow_none=True)


class StoreList(Schema):
    """The bureau's stores, by code."""

    items = fields.List(fields.Nested(StoreOut), required=True)


class HandOverIn(Schema):
    """To whom a store is offered."""

    to_account_id = fields.UUID(required=True)
    document_no = fields.String(load_default=None, allow_none=True, validate=_NUMBER)


class HeldRow(Schema):
    """What a store held of a line when it was offered."""

    list_id = fields.UUID()
    seq = fields.Integer()
    place = fields.String()
    quantity = fields.Integer()


class HandOverOut(Schema):
    """An offer of a store, with the sheet of what it holds."""

    id = fields.UUID()
    store_id = fields.UUID()
    from_account_id = fields.UUID(allow_none=True)
    to_account_id = fields.UUID()
    document_no = fields.String(allow_none=True)
    held = fields.List(fields.Nested(HeldRow))
    known_at = fields.AwareDateTime()


class HandOverTaken(Schema):
    """That a store was taken over."""

    hand_over_id = fields.UUID()
    account_id = fields.UUID()
    known_at = fields.AwareDateTime()
