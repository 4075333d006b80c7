"""Reports on the wire."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from schemas.moment import Moment
from schemas.policies import CapOut
from schemas.vocabulary import CadenceTier, ObligationState

SHAPES = ("json", "csv", "xlsx", "pdf")
_BY = ("total", "squad", "officer", "cell", "town", "outlet")


class PeriodQuery(Schema):
    """Which period, as known and judged when."""

    period = fields.String(
        load_default=None,
        metadata={"description": "2026Q3, 2026-07, 2026-W31 or 2026; default: this quarter"},
    )
    as_of = Moment(
        load_default=None, metadata={"description": "As known by and judged at this moment; default: now"}
    )


class ShapeQuery(Schema):
    """In what shape a report is told: the figures are the same in each."""

    format = fields.String(
        load_default="json",
        validate=validate.OneOf(SHAPES),
        metadata={"description": "PDF is set at once, so a very long one is refused (report_too_long)"},
    )


class PolicyVersion(Schema):
    """A version of the policy that held on some day of the report."""

    version = fields.Integer()
    name = fields.String()
    effective_from = fields.Date()
    legal_basis = fields.String()


class CadenceQuery(PeriodQuery, ShapeQuery):
    """How R1 is cut."""

    by = fields.String(load_default="squad", validate=validate.OneOf(_BY))
    each_period = fields.Boolean(
        load_default=False, metadata={"description": "One row a week, month or quarter"}
    )


class CadenceRow(Schema):
    """Counts of obligations and their rates; a rate of nothing is null and printed "—"."""

    group_id = fields.UUID(allow_none=True)
    group = fields.String()
    tier = fields.String()
    tier_zh = fields.String()
    period = fields.String()
    obligations = fields.Integer()
    waived = fields.Integer()
    due = fields.Integer()
    on_time = fields.Integer()
    late = fields.Integer()
    missed = fields.Integer()
    made_up = fields.Integer()
    pending = fields.Integer()
    unknown = fields.Integer()  # type: ignore[assignment]  # marshmallow sets its own attribute aside.
    on_time_rate = fields.String(allow_none=True)
    on_time_rate_to_date = fields.String(allow_none=True)
    completion_rate = fields.String(allow_none=True)
    waived_share = fields.String(allow_none=True)
    mean_days_late = fields.String(allow_none=True)
    attempts = fields.Integer()


class CadenceOutletRow(CadenceRow):
    """By outlet also what is told of the outlet itself, on each of its rows."""

    consecutive_misses = fields.Integer(
        metadata={
            "description": "By outlet: the last decided obligations of the period and tier that were missed"
        }
    )
    findings = fields.Integer(
        metadata={"description": "By outlet: valid inspections with an abnormal result"}
    )
    follow_ups = fields.Integer(metadata={"description": "By outlet: re-checks performed in the period"})
    cap_used = fields.Integer(metadata={"description": "By outlet: visits of the year that count to the cap"})
    cap = fields.Integer(allow_none=True, metadata={"description": "By outlet: the year's cap"})


class CadenceAnswer(Schema):
    """R1."""

    period = fields.String(required=True)
    as_of = fields.AwareDateTime(required=True)
    by = fields.String(required=True)
    provisional = fields.Boolean(
        required=True, metadata={"description": "True where a year's workdays are not loaded"}
    )
    policies = fields.List(fields.Nested(PolicyVersion), required=True)
    totals = fields.List(
        fields.Nested(CadenceRow),
        required=True,
        metadata={"description": "The sum of each tier's rows; none where the rows are the total"},
    )
    rows = fields.List(fields.Nested(CadenceOutletRow), required=True)


class ObligationsQuery(PeriodQuery):
    """Which figure's obligations."""

    tier = fields.String(load_default=None, validate=validate.OneOf([tier.value for tier in CadenceTier]))
    state = fields.String(
        load_default=None, validate=validate.OneOf([state.value for state in ObligationState])
    )
    squad_id = fields.UUID(load_default=None)
    cell_id = fields.UUID(load_default=None)
    subject_id = fields.UUID(load_default=None)


class CadenceObligation(Schema):
    """One obligation behind a figure."""

    id = fields.UUID()
    subject_id = fields.UUID()
    cell_id = fields.UUID(allow_none=True)
    squad_id = fields.UUID(allow_none=True)
    tier = fields.String()
    key = fields.String()
    first_day = fields.Date()
    last_day = fields.Date()
    grace_last_day = fields.Date()
    state = fields.String()
    unknown = fields.Boolean()  # type: ignore[assignment]  # As above.
    record_id = fields.UUID(allow_none=True)
    performed_at = fields.AwareDateTime(allow_none=True)
    days_late = fields.Integer()
    attempts = fields.List(fields.UUID())


class CadenceObligations(Schema):
    """The obligations behind a figure."""

    as_of = fields.AwareDateTime(required=True)
    items = fields.List(fields.Nested(CadenceObligation), required=True)


class HealthQuery(PeriodQuery, ShapeQuery):
    """How R11 is cut; without a period it is the current week."""

    by = fields.String(load_default="squad", validate=validate.OneOf(("squad", "device")))


class HealthRow(Schema):
    """How one squad's devices, or one device, keep up; of several the earliest moment and the largest offset."""

    group_id = fields.UUID(allow_none=True)
    group = fields.String()
    squad = fields.String(allow_none=True)
    devices_in_use = fields.Integer()
    devices_ended = fields.Integer()
    devices_silent = fields.Integer()
    never_heard = fields.Integer()
    last_heard_at = fields.String(allow_none=True)
    last_empty_at = fields.String(allow_none=True)
    never_empty = fields.Integer()
    queue_length = fields.Integer()
    queue_oldest_at = fields.String(allow_none=True)
    queue_age_h = fields.Integer(allow_none=True)
    clock_offset_s = fields.Integer(allow_none=True)
    app_versions = fields.String(allow_none=True)
    records = fields.Integer()
    late = fields.Integer()
    late_share = fields.String(allow_none=True)
    flagged = fields.Integer()
    flagged_share = fields.String(allow_none=True)
    flags = fields.Dict(keys=fields.String(), values=fields.Integer())
    evidence_missing = fields.Integer()
    conflicts_open = fields.Integer()
    quarantine_open = fields.Integer()


class Machine(Schema):
    """How the installation stands now: what no device is handed yet and what holds it back, and the last backup."""

    rows_above_horizon = fields.Integer(required=True)
    oldest_writer_since = fields.AwareDateTime(allow_none=True)
    oldest_writer = fields.String(allow_none=True)
    last_backup_at = fields.AwareDateTime(allow_none=True)
    last_backup_faults = fields.Integer(allow_none=True)


class HealthAnswer(Schema):
    """R11. ``machine`` is told of now only, and to those who see the whole bureau."""

    period = fields.String(required=True)
    as_of = fields.AwareDateTime(required=True)
    by = fields.String(required=True)
    rows = fields.List(fields.Nested(HealthRow), required=True)
    machine = fields.Nested(Machine, allow_none=True, required=True)


class HealthItemsQuery(PeriodQuery):
    """Which figure's items."""

    figure = fields.String(
        load_default="records",
        validate=validate.OneOf(
            ("records", "late", "flagged", "conflicts", "quarantine", "evidence_missing")
        ),
    )
    squad_id = fields.UUID(load_default=None)
    device_id = fields.UUID(load_default=None)
    flag = fields.String(load_default=None, validate=validate.Length(min=1, max=60))


class HealthItem(Schema):
    """One thing behind a figure: ``id`` is that of the record, of the log's line or of the quarantined row."""

    id = fields.String()
    at = fields.AwareDateTime()
    device_id = fields.UUID(allow_none=True)
    collection = fields.String()
    document_id = fields.UUID(allow_none=True)
    flags = fields.List(fields.String())
    sha256 = fields.String(allow_none=True)


class HealthItems(Schema):
    """What stands behind a figure of R11."""

    as_of = fields.AwareDateTime(required=True)
    items = fields.List(fields.Nested(HealthItem), required=True)


class CapQuery(ShapeQuery):
    """Which year's ledger, as known when, and which outlets."""

    year = fields.Integer(
        load_default=None,
        validate=validate.Range(min=2000, max=2199),
        metadata={"description": "Default: the year of the moment"},
    )
    as_of = Moment(load_default=None, metadata={"description": "As known by this moment; default: now"})
    which = fields.String(load_default="over", validate=validate.OneOf(("over", "visited", "all")))


class CapRow(Schema):
    """One outlet's year: visits that count by kind, what the cap leaves, and exempt visits with their grounds."""

    outlet_id = fields.UUID()
    licence_no = fields.String()
    name = fields.String()
    grade = fields.String()
    cap = fields.Integer(allow_none=True)
    routine = fields.Integer()
    special = fields.Integer()
    case = fields.Integer()
    used = fields.Integer()
    remaining = fields.Integer(allow_none=True)
    over = fields.Integer()
    exempt = fields.Integer()
    grounds = fields.String()
    relabelled = fields.Integer(
        metadata={"description": "Of those used, visits with an inspection's form under another name"}
    )
    visits = fields.List(fields.List(fields.UUID()), metadata={"description": "The records of each visit"})


class CapTotal(Schema):
    """The sum of a credit grade."""

    grade = fields.String()
    cap = fields.Integer(allow_none=True)
    outlets = fields.Integer()
    visited = fields.Integer()
    used = fields.Integer()
    exempt = fields.Integer()
    over = fields.Integer()


class CapSignOff(Schema):
    """Who of the legal office let a policy ask more than the cap, and on what ground."""

    id = fields.UUID()
    signer = fields.String()
    signed_at = fields.AwareDateTime()
    ground = fields.String()
    content_sha256 = fields.String()


class CapFloor(Schema):
    """A policy that asks more visits a year than the caps in ``over``, by credit grade."""

    policy_id = fields.UUID()
    version = fields.Integer()
    name = fields.String()
    effective_from = fields.Date()
    visits_a_year = fields.Integer()
    over = fields.Dict(keys=fields.String(), values=fields.Integer())
    sign_offs = fields.List(fields.Nested(CapSignOff))


class CapAnswer(Schema):
    """R10. The totals are of all outlets in scope, whichever rows are asked for; ``cap`` is null without a policy."""

    year = fields.Integer(required=True)
    as_of = fields.AwareDateTime(required=True)
    cap = fields.Nested(CapOut, allow_none=True, required=True)
    totals = fields.List(fields.Nested(CapTotal), required=True)
    floors = fields.List(fields.Nested(CapFloor), required=True)
    rows = fields.List(fields.Nested(CapRow), required=True)


CUSTODY_FIGURES = (
    "registered", "not_in", "taken_in", "handed_back", "transferred", "destroyed", "used_up", "held", "undecided",
    "nearing", "overdue", "decided",
)  # fmt: skip


class CustodyQuery(ShapeQuery):
    """As known when, and by squad or by the store and its keeper."""

    as_of = Moment(load_default=None, metadata={"description": "As known by this moment; default: now"})
    by = fields.String(load_default="squad", validate=validate.OneOf(("squad", "keeper")))


class CustodyRow(Schema):
    """Goods of a category in its base unit: what came in less what went out is what is held.

    A store is told of what came in, went out and is held; the rest is null there.
    """

    group_id = fields.UUID(allow_none=True)
    group = fields.String()
    keeper_id = fields.UUID(allow_none=True)
    category = fields.String()
    category_zh = fields.String()
    unit = fields.String()
    unit_zh = fields.String()
    lists = fields.Integer(allow_none=True)
    registered = fields.Integer(allow_none=True)
    not_in = fields.Integer(allow_none=True)
    taken_in = fields.Integer()
    handed_back = fields.Integer(allow_none=True)
    transferred = fields.Integer(allow_none=True)
    destroyed = fields.Integer(allow_none=True)
    used_up = fields.Integer(allow_none=True)
    out = fields.Integer()
    held = fields.Integer()
    undecided = fields.Integer(allow_none=True)
    nearing = fields.Integer(allow_none=True)
    overdue = fields.Integer(allow_none=True)
    decided = fields.Integer(allow_none=True)


class CustodyLists(Schema):
    """How many registration lists there are; ``undecided`` holds those nearing and those overdue too."""

    total = fields.Integer()
    holding = fields.Integer(metadata={"description": "Lists of which the bureau holds goods"})
    decided = fields.Integer()
    undecided = fields.Integer()
    nearing = fields.Integer()
    overdue = fields.Integer()
    provisional = fields.Integer(
        metadata={"description": "Undecided, and the year's workdays are not loaded"}
    )
    write_up_overdue = fields.Integer()


class CustodyAnswer(Schema):
    """R9. Totals are by category and unit: what is counted in different units does not add up."""

    as_of = fields.AwareDateTime(required=True)
    by = fields.String(required=True)
    lists = fields.Nested(CustodyLists, required=True)
    totals = fields.List(fields.Nested(CustodyRow), required=True)
    rows = fields.List(fields.Nested(CustodyRow), required=True)


class CustodyItemsQuery(Schema):
    """Which figure of R9, of which squad and category."""

    as_of = Moment(load_default=None, metadata={"description": "As known by this moment; default: now"})
    figure = fields.String(required=True, validate=validate.OneOf(CUSTODY_FIGURES))
    squad_id = fields.UUID(load_default=None)
    category = fields.String(load_default=None)


class CustodyItem(Schema):
    """A line that stands behind a figure."""

    list_id = fields.UUID()
    record_id = fields.UUID()
    squad_id = fields.UUID(allow_none=True)
    seq = fields.Integer()
    category = fields.String()
    unit = fields.String()
    quantity = fields.Integer()
    decide_by = fields.Date()
    provisional = fields.Boolean()
    outcome = fields.String(allow_none=True)


class CustodyItems(Schema):
    """What stands behind a figure of R9."""

    as_of = fields.AwareDateTime(required=True)
    items = fields.List(fields.Nested(CustodyItem), required=True)


class DutyBoardQuery(Schema):
    """Of which day, as known when, in what shape; ``html`` is the page that PDF prints."""

    day = fields.Date(load_default=None, metadata={"description": "Default: the day of the moment"})
    as_of = Moment(load_default=None, metadata={"description": "As known by this moment; default: now"})
    format = fields.String(load_default="json", validate=validate.OneOf((*SHAPES, "html")))


class DutyPost(Schema):
    """One cell with who answers for it: what the public may know, and nothing else."""

    cell_code = fields.String()
    cell_name = fields.String()
    town = fields.String(allow_none=True)
    cell_type = fields.String(allow_none=True)
    squad = fields.String(allow_none=True)
    lead = fields.String(allow_none=True)
    cert_no = fields.String(allow_none=True)
    since = fields.String(allow_none=True)


class DutyBoardAnswer(Schema):
    """R12. A cell without a squad is not assigned."""

    day = fields.Date(required=True)
    as_of = fields.AwareDateTime(required=True)
    phone = fields.String(allow_none=True, required=True)
    cells = fields.Integer(required=True)
    unassigned = fields.Integer(required=True)
    rows = fields.List(fields.Nested(DutyPost), required=True)


class SquadsQuery(ShapeQuery):
    """Of which ISO week, as known when."""

    period = fields.String(
        load_default=None,
        metadata={"description": "An ISO week, 2026-W31; default: the last one that is over"},
    )
    as_of = Moment(load_default=None, metadata={"description": "As known by this moment; default: now"})


class SquadFigure(Schema):
    """One figure of one squad beside its own earlier ones. Counts are numbers, shares texts in percent."""

    squad_id = fields.UUID(allow_none=True)
    squad = fields.String()
    figure = fields.String()
    figure_zh = fields.String()
    value = fields.Raw(allow_none=True, metadata={"type": ["integer", "string", "null"]})
    before = fields.Raw(allow_none=True, metadata={"type": ["integer", "string", "null"]})
    mean = fields.String(
        allow_none=True,
        metadata={"description": "Mean of the four weeks before; of a share, the share in all four together"},
    )


class SquadsAnswer(Schema):
    """R7. Squads stand by name; each is beside its own earlier weeks only."""

    period = fields.String(required=True)
    as_of = fields.AwareDateTime(required=True)
    policies = fields.List(fields.Nested(PolicyVersion), required=True)
    totals = fields.List(fields.Nested(SquadFigure), required=True)
    rows = fields.List(fields.Nested(SquadFigure), required=True)


class SquadItemsQuery(Schema):
    """Which figure of which squad."""

    period = fields.String(load_default=None)
    as_of = Moment(load_default=None)
    figure = fields.String(
        required=True, metadata={"description": "As R7 names it; of a share, what is counted in it"}
    )
    squad_id = fields.UUID(load_default=None)


class SquadItem(Schema):
    """One thing behind a figure; ``kind`` is obligation, record, outlet or conflict."""

    id = fields.String()
    kind = fields.String()
    squad_id = fields.UUID(allow_none=True)


class SquadItems(Schema):
    """What stands behind a figure of R7."""

    as_of = fields.AwareDateTime(required=True)
    items = fields.List(fields.Nested(SquadItem), required=True)
