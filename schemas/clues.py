"""Clues on the wire."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate, validates_schema

from schemas.moment import Moment
from schemas.paging import PageQuery
from schemas.vocabulary import ClueActKind, ClueConfidence, ClueMatter, ClueSource, ClueStatus
from schemas.wording import BLANK, wrong

_TEXT = [validate.Length(min=1, max=4000), validate.Regexp(r"[\s\S]*\S", error=BLANK)]
_NAME = [validate.Length(min=1, max=200), validate.Regexp(r".*\S", error=BLANK)]


class ClueQuery(PageQuery):
    """Which clues."""

    status = fields.String(load_default=None, validate=validate.OneOf([one.value for one in ClueStatus]))
    matter = fields.String(load_default=None, validate=validate.OneOf([one.value for one in ClueMatter]))
    source = fields.String(load_default=None, validate=validate.OneOf([one.value for one in ClueSource]))
    cell_id = fields.UUID(load_default=None)
    plate = fields.String(load_default=None, validate=validate.Length(min=1, max=20))
    since = Moment(load_default=None, metadata={"description": "Found at this moment or later"})
    until = Moment(load_default=None, metadata={"description": "Found before this moment"})


class DuplicateQuery(Schema):
    """How far apart two sightings may lie."""

    radius_m = fields.Float(load_default=100.0, validate=validate.Range(min=1, max=2000))


class ClueIn(Schema):
    """A clue to write down. ``elsewhere_unit`` names the other place or unit that it concerns, if it does.

    Who told it does not stand here: see the clue's informants.
    """

    source = fields.String(required=True, validate=validate.OneOf([one.value for one in ClueSource]))
    source_unit = fields.String(load_default=None, allow_none=True, validate=_NAME)
    matter = fields.String(required=True, validate=validate.OneOf([one.value for one in ClueMatter]))
    summary = fields.String(required=True, validate=_TEXT)
    place = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=400))
    lon = fields.Float(load_default=None, allow_none=True, validate=validate.Range(min=-180, max=180))
    lat = fields.Float(load_default=None, allow_none=True, validate=validate.Range(min=-90, max=90))
    cell_id = fields.UUID(load_default=None, allow_none=True)
    plate = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=20))
    confidence = fields.String(
        load_default=None, allow_none=True, validate=validate.OneOf([one.value for one in ClueConfidence])
    )
    from_record_id = fields.UUID(load_default=None, allow_none=True)
    elsewhere_unit = fields.String(load_default=None, allow_none=True, validate=_NAME)
    found_at = Moment(required=True)

    @validates_schema
    def _whole_point(self, data: dict[str, Any], **_kw: object) -> None:
        if (data["lon"] is None) != (data["lat"] is None):
            raise wrong(
                "point_incomplete", "经度和纬度要一起填写。Longitude and latitude go together.", "lat"
            )


class ClueActIn(Schema):
    """Something done with a clue. ``decision`` is approved or declined by the head, filed or not_filed by the police, and
    filed, not_filed, notified or merged as the outcome; ``people`` propose a transfer.
    """

    kind = fields.String(required=True, validate=validate.OneOf([one.value for one in ClueActKind]))
    happened_at = Moment(required=True)
    unit = fields.String(load_default=None, allow_none=True, validate=_NAME)
    decision = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=40))
    people = fields.List(fields.UUID(), load_default=[], validate=validate.Length(max=20))
    note = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=4000))
    other_clue_id = fields.UUID(load_default=None, allow_none=True)


class ClueActOut(Schema):
    """Something that was done with a clue, and the article that it rests on."""

    id = fields.UUID()
    kind = fields.String()
    kind_zh = fields.String()
    happened_at = fields.AwareDateTime()
    unit = fields.String(allow_none=True)
    decision = fields.String(allow_none=True)
    people = fields.List(fields.UUID())
    note = fields.String(allow_none=True)
    other_clue_id = fields.UUID(allow_none=True)
    article = fields.String(allow_none=True)
    account_id = fields.UUID(allow_none=True)
    known_at = fields.AwareDateTime()


class ClockOut(Schema):
    """By when a step is due: ``state`` is met, late, running or overdue; provisional where workdays are missing."""

    step = fields.String()
    article = fields.String()
    due = fields.AwareDateTime(metadata={"description": "The moment from which it is too late"})
    done_at = fields.AwareDateTime(allow_none=True)
    state = fields.String()
    provisional = fields.Boolean()


class ClueSourceOut(Schema):
    """Where a clue, or one that was merged into it, came from."""

    clue_id = fields.UUID()
    source = fields.String()
    unit = fields.String(allow_none=True)


class ClueOut(Schema):
    """A clue with what was done. Its number is the bureau's own and no official one."""

    id = fields.UUID()
    number = fields.String()
    source = fields.String()
    source_unit = fields.String(allow_none=True)
    record_id = fields.UUID(allow_none=True)
    from_record_id = fields.UUID(allow_none=True)
    matter = fields.String()
    matter_zh = fields.String()
    summary = fields.String()
    subject_kind = fields.String(allow_none=True)
    subject_id = fields.UUID(allow_none=True)
    place = fields.String(allow_none=True)
    lon = fields.Float(allow_none=True)
    lat = fields.Float(allow_none=True)
    plate = fields.String(allow_none=True)
    confidence = fields.String(allow_none=True)
    elsewhere_unit = fields.String(allow_none=True)
    found_at = fields.AwareDateTime()
    cell_id = fields.UUID(allow_none=True)
    squad_id = fields.UUID(allow_none=True)
    known_at = fields.AwareDateTime()
    status = fields.String()
    status_zh = fields.String()
    masked = fields.Boolean()
    sources = fields.List(fields.Nested(ClueSourceOut))
    next_step = fields.String(
        allow_none=True, metadata={"description": "The step of a transfer that may follow"}
    )
    clocks = fields.List(fields.Nested(ClockOut))
    acts = fields.List(fields.Nested(ClueActOut))


class ClueHintOut(Schema):
    """A limit of criminal law that goods or money reach; what follows, a person decides."""

    code = fields.String()
    article = fields.String()
    detail = fields.String()
    amount = fields.Integer()
    limit = fields.Integer()
    unit = fields.String()


class ClueWhole(ClueOut):
    """A clue with the hints of the records that it comes from."""

    hints = fields.List(fields.Nested(ClueHintOut))


class CluePage(Schema):
    """A page of clues, by the time they were found."""

    items = fields.List(fields.Nested(ClueOut), required=True)
    after = fields.String(allow_none=True)


class DuplicateOut(Schema):
    """Two clues that may be one: ``near`` each other, or with the same ``plate``."""

    clue_id = fields.UUID()
    other_clue_id = fields.UUID()
    reasons = fields.List(fields.String())
    distance_m = fields.Float(allow_none=True)


class DuplicateList(Schema):
    """Possible duplicates, the newest first."""

    items = fields.List(fields.Nested(DuplicateOut), required=True)


class InformantIn(Schema):
    """Who told a clue."""

    name = fields.String(load_default=None, allow_none=True, validate=_NAME)
    phone = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=40))
    note = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=1000))

    @validates_schema
    def _somebody(self, data: dict[str, Any], **_kw: object) -> None:
        if not any(data.values()):
            raise wrong("informant_empty", "姓名、电话、说明至少填一项。Give at least one of them.", "name")


class InformantKept(Schema):
    """That an informant was kept."""

    id = fields.UUID()
    clue_id = fields.UUID()
    known_at = fields.AwareDateTime()


class InformantOut(Schema):
    """Who told a clue."""

    id = fields.UUID()
    name = fields.String(allow_none=True)
    phone = fields.String(allow_none=True)
    note = fields.String(allow_none=True)
    known_at = fields.AwareDateTime()


class InformantList(Schema):
    """Everybody who told a clue."""

    items = fields.List(fields.Nested(InformantOut), required=True)
