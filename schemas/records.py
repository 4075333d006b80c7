"""Records on the wire, for reading over the API."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from schemas.moment import Moment
from schemas.paging import PageQuery


class RecordQuery(PageQuery):
    """Which records."""

    subject_id = fields.UUID(load_default=None)
    kind = fields.String(load_default=None, validate=validate.Length(max=40))
    valid = fields.Boolean(load_default=None)
    since = Moment(load_default=None)
    until = Moment(load_default=None)


class FindingOut(Schema):
    """Why a record is not valid, in words that say what to do."""

    code = fields.String()
    path = fields.String()
    detail = fields.String()


class HintOut(Schema):
    """A limit of the law that goods or money reach; what follows from it a person decides.

    ``amount`` and ``limit`` are whole numbers of ``unit``: a unit of goods, or ``fen``.
    """

    code = fields.String()
    article = fields.String()
    detail = fields.String()
    amount = fields.Integer()
    limit = fields.Integer()
    unit = fields.String()
    path = fields.String()


class RecordOut(Schema):
    """A record with what the server says of it."""

    id = fields.UUID()
    kind = fields.String()
    form_code = fields.String()
    form_version = fields.Integer()
    subject_kind = fields.String(allow_none=True)
    subject_id = fields.UUID(allow_none=True)
    cell_id = fields.UUID(allow_none=True)
    performed_at = fields.AwareDateTime()
    received_at = fields.AwareDateTime()
    valid = fields.Boolean()
    findings = fields.List(fields.Nested(FindingOut))
    flags = fields.List(fields.String())
    hints = fields.List(fields.Nested(HintOut))
    numbers = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        metadata={"description": "Official numbers by kind of paper, once they are given."},
    )


class ConcernOut(Schema):
    """Something that is the matter with a co-signature."""

    code = fields.String()
    detail = fields.String()


class SignatureOut(Schema):
    """Somebody who was there or co-signed: ``where`` is same_device, own_device, or null where nobody signed.

    ``matches``: the document that was signed is the one that is stored; null while the record is not here.
    """

    ordinal = fields.Integer(dump_default=None, allow_none=True)
    person_id = fields.UUID(allow_none=True)
    name = fields.String(allow_none=True)
    cert_no = fields.String(dump_default=None, allow_none=True)
    certificate_valid = fields.Boolean(
        dump_default=None, allow_none=True, metadata={"description": "On the day of the visit"}
    )
    where = fields.String(allow_none=True)
    signature_sha256 = fields.String(allow_none=True)
    co_signature_id = fields.UUID(dump_default=None, allow_none=True)
    record_id = fields.UUID(dump_default=None, allow_none=True)
    signed_at = fields.AwareDateTime(dump_default=None, allow_none=True)
    decision = fields.String(dump_default=None, allow_none=True)
    note = fields.String(dump_default=None, allow_none=True)
    matches = fields.Boolean(dump_default=None, allow_none=True)
    concerns = fields.List(fields.Nested(ConcernOut), dump_default=[])
    known_at = fields.AwareDateTime(dump_default=None, allow_none=True)


class CoSignatureQuery(Schema):
    """Which co-signatures: those that wait for their record, those with a concern, or all."""

    state = fields.String(load_default=None, validate=validate.OneOf(("waiting", "concern")))


class CoSignatureList(Schema):
    """Co-signatures, the newest first."""

    items = fields.List(fields.Nested(SignatureOut), required=True)


class RecordWhole(RecordOut):
    """A record with the document as it was sent, persons in it ``masked`` or not."""

    approval = fields.String(
        allow_none=True,
        metadata={"description": "how the approval of the inspection stands, null where none is needed"},
    )
    original_id = fields.UUID(
        metadata={"description": "what it amends in the end; its own id where it is no amendment"}
    )
    amended_by = fields.UUID(
        allow_none=True, metadata={"description": "the amendment that says what the record says now"}
    )
    document_sha256 = fields.String(metadata={"description": "what a co-signature is over"})
    signatures = fields.List(fields.Nested(SignatureOut))
    document = fields.Raw(metadata={"type": "object", "additionalProperties": True})
    masked = fields.Boolean()


class DifferenceOut(Schema):
    """A field that an amendment says otherwise: a JSON pointer, persons masked; null where there was or is none."""

    path = fields.String()
    old = fields.Raw(allow_none=True)
    new = fields.Raw(allow_none=True)


class WordOut(Schema):
    """A record or one of its amendments: who sent it, why, in what it differs from what it amends, whether it stands."""

    record_id = fields.UUID()
    ordinal = fields.Integer()
    amends_id = fields.UUID(allow_none=True)
    received_at = fields.AwareDateTime()
    author_id = fields.UUID()
    author = fields.String(allow_none=True)
    reason = fields.String(allow_none=True)
    valid = fields.Boolean()
    stands = fields.Boolean()
    contested = fields.Boolean()
    differences = fields.List(fields.Nested(DifferenceOut))


class FileOfRecord(Schema):
    """A file that a record or an amendment names."""

    record_id = fields.UUID()
    sha256 = fields.String()
    kind = fields.String()


class ActOut(Schema):
    """What the trail tells of a record or its amendments."""

    seq = fields.Integer()
    at = fields.AwareDateTime()
    name = fields.String()
    account_id = fields.UUID(allow_none=True)
    username = fields.String(allow_none=True)
    record_ids = fields.List(fields.UUID())
    facts = fields.Raw(metadata={"type": "object", "additionalProperties": True})


class RecordHistory(Schema):
    """A record with its amendments in their order; ``waits_for`` is what an amendment amends that is not here yet."""

    original_id = fields.UUID()
    standing_id = fields.UUID()
    waits_for = fields.UUID(allow_none=True)
    words = fields.List(fields.Nested(WordOut))
    files = fields.List(fields.Nested(FileOfRecord))
    acts = fields.List(fields.Nested(ActOut))


class ReadingIn(Schema):
    """What somebody reads a record in full for."""

    purpose = fields.String(
        required=True,
        validate=[validate.Length(min=2, max=400), validate.Regexp(r".*\S.*\S")],
        metadata={"description": "查阅事由 what for; it is kept with the reading"},
    )


class ReadingOut(Schema):
    """That somebody read a record in full, or what belongs to it."""

    at = fields.AwareDateTime()
    name = fields.String(metadata={"description": "person_data.read, file.read, paper.printed, sync.…"})
    account_id = fields.UUID(allow_none=True)
    username = fields.String(allow_none=True)
    facts = fields.Raw(metadata={"type": "object", "additionalProperties": True})


class ReadingPage(Schema):
    """A page of readings, the oldest first."""

    items = fields.List(fields.Nested(ReadingOut), required=True)
    after = fields.String(allow_none=True)


class RecordPage(Schema):
    """A page of records."""

    items = fields.List(fields.Nested(RecordOut), required=True)
    after = fields.String(allow_none=True)


class OrderQuery(PageQuery):
    """Which orders to put something right."""

    state = fields.String(
        load_default=None, validate=validate.OneOf(("open", "rechecked", "overdue", "done", "withdrawn"))
    )
    subject_id = fields.UUID(load_default=None)


class OrderOut(Schema):
    """An order (责令改正). ``proposed_proof_id`` is a later inspection that may prove it, which a person decides."""

    id = fields.UUID()
    record_id = fields.UUID()
    subject_kind = fields.String()
    subject_id = fields.UUID()
    cell_id = fields.UUID(allow_none=True)
    demand = fields.String()
    due_on = fields.Date()
    state = fields.String(metadata={"description": "open, rechecked, overdue, done or withdrawn"})
    days_overdue = fields.Integer(allow_none=True)
    done_on = fields.Date(allow_none=True)
    proof_record_id = fields.UUID(allow_none=True)
    proposed_proof_id = fields.UUID(allow_none=True)
    note = fields.String(allow_none=True)


class OrderPage(Schema):
    """A page of orders, by their day."""

    items = fields.List(fields.Nested(OrderOut), required=True)
    after = fields.String(allow_none=True)


class OrderProof(Schema):
    """The inspection that proves an order fulfilled."""

    proof_record_id = fields.UUID(required=True)
    note = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=4000))
