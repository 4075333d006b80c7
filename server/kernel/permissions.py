"""What may be done, and which role may do it (administrators hold no case content)."""

from __future__ import annotations

from enum import StrEnum


class Permission(StrEnum):
    """One name per kind of act, sorted."""

    ACCOUNT_MANAGE = "account.manage"
    AUDIT_READ = "audit.read"
    BRIEFING_MAKE = "briefing.make"
    BRIEFING_READ = "briefing.read"
    CADENCE_MAKE_UP = "cadence.make_up"
    CADENCE_WAIVE = "cadence.waive"
    CAMPAIGN_MANAGE = "campaign.manage"
    CAMPAIGN_READ = "campaign.read"
    CAP_MANAGE = "cap.manage"
    CELL_MANAGE = "cell.manage"
    CELL_READ = "cell.read"
    CLUE_DECIDE = "clue.decide"
    CLUE_READ = "clue.read"
    CLUE_WRITE = "clue.write"
    CUSTODY_DECIDE = "custody.decide"
    CUSTODY_KEEP = "custody.keep"
    CUSTODY_READ = "custody.read"
    DEVICE_ENROL = "device.enrol"
    DEVICE_MANAGE = "device.manage"
    DISPATCH_WRITE = "dispatch.write"
    DRAW_MANAGE = "draw.manage"
    DRAW_READ = "draw.read"
    DUTY_ASSIGN = "duty.assign"
    FORM_MANAGE = "form.manage"
    FORM_PUBLISH = "form.publish"
    FORM_READ = "form.read"
    HANDOVER_MANAGE = "handover.manage"
    HANDOVER_READ = "handover.read"
    HANDOVER_SIGN = "handover.sign"
    INFORMANT_READ = "informant.read"
    INSPECTION_APPROVE = "inspection.approve"
    INSPECTION_REQUEST = "inspection.request"
    NOTICE_MANAGE = "notice.manage"
    OBLIGATION_OPEN = "obligation.open"
    OBLIGATION_READ = "obligation.read"
    OBLIGATION_RECORD = "obligation.record"
    OPENING_NOTE = "opening.note"
    OUTLET_READ = "outlet.read"
    PAPER_PRINT = "paper.print"
    PATROL_PLAN = "patrol.plan"
    PATROL_READ = "patrol.read"
    PERSON_DATA_READ = "person_data.read"
    PERSON_READ = "person.read"
    PERSON_TRANSFER = "person.transfer"
    POLICY_MANAGE = "policy.manage"
    POLICY_READ = "policy.read"
    POLICY_SIGN_OFF = "policy.sign_off"
    RECORD_READ = "record.read"
    RECORD_WRITE = "record.write"
    REGISTER_IMPORT = "register.import"
    REPORT_DRAFT = "report.draft"
    REPORT_ISSUE = "report.issue"
    REPORT_READ = "report.read"
    REPORT_REVIEW = "report.review"
    ROSTER_READ = "roster.read"
    ROSTER_WRITE = "roster.write"
    SCOPE_GRANT = "scope.grant"
    SELF_READ = "self.read"
    SYNC_SETTLE = "sync.settle"
    SYNC_USE = "sync.use"
    TAG_MANAGE = "tag.manage"
    WORKDAY_MANAGE = "workday.manage"
    WORKDAY_READ = "workday.read"


class Role(StrEnum):
    """The roles of a bureau. A role is a set of permissions; an account holds one or more."""

    OFFICER = "officer"
    AUXILIARY = "auxiliary"
    SQUAD_LEADER = "squad_leader"
    BUREAU_LEADER = "bureau_leader"
    LEGAL = "legal"
    EVIDENCE_KEEPER = "evidence_keeper"
    GIS = "gis"
    ADMIN = "admin"


P = Permission
_EVERYONE = frozenset({P.SELF_READ, P.WORKDAY_READ, P.POLICY_READ, P.FORM_READ})
_FIELD = _EVERYONE | {
    P.CAMPAIGN_READ,
    P.BRIEFING_READ,
    P.CELL_READ,
    P.DEVICE_ENROL,
    P.OBLIGATION_READ,
    P.OBLIGATION_RECORD,
    P.OPENING_NOTE,
    P.OUTLET_READ,
    P.PATROL_READ,
    P.PERSON_READ,
    P.RECORD_READ,
    P.RECORD_WRITE,
    P.ROSTER_READ,
    P.SYNC_USE,
}
_READER = _EVERYONE | {
    P.CAMPAIGN_READ,
    P.CELL_READ,
    P.DRAW_READ,
    P.OBLIGATION_READ,
    P.OUTLET_READ,
    P.PATROL_READ,
    P.PERSON_READ,
    P.RECORD_READ,
    P.REPORT_READ,
}

ROLES: dict[Role, frozenset[Permission]] = {
    Role.OFFICER: _FIELD
    | {
        P.CADENCE_MAKE_UP,
        P.CLUE_READ,
        P.CUSTODY_READ,
        P.DRAW_READ,
        P.HANDOVER_READ,
        P.HANDOVER_SIGN,
        P.PAPER_PRINT,
        P.REPORT_READ,
    },
    Role.AUXILIARY: _FIELD,
    Role.SQUAD_LEADER: _FIELD
    | {
        P.BRIEFING_MAKE,
        P.CADENCE_MAKE_UP,
        P.CADENCE_WAIVE,
        P.CLUE_READ,
        P.CLUE_WRITE,
        P.CUSTODY_READ,
        P.DISPATCH_WRITE,
        P.DRAW_READ,
        P.DUTY_ASSIGN,
        P.HANDOVER_MANAGE,
        P.HANDOVER_READ,
        P.HANDOVER_SIGN,
        P.INSPECTION_REQUEST,
        P.OBLIGATION_OPEN,
        P.PAPER_PRINT,
        P.PATROL_PLAN,
        P.PERSON_DATA_READ,
        P.REPORT_DRAFT,
        P.REPORT_READ,
        P.ROSTER_WRITE,
        P.SCOPE_GRANT,
        P.SYNC_SETTLE,
        P.TAG_MANAGE,
    },
    Role.BUREAU_LEADER: _READER
    | {
        P.BRIEFING_MAKE,
        P.BRIEFING_READ,
        P.CADENCE_MAKE_UP,
        P.CADENCE_WAIVE,
        P.CAMPAIGN_MANAGE,
        P.CLUE_DECIDE,
        P.CLUE_READ,
        P.CLUE_WRITE,
        P.CUSTODY_DECIDE,
        P.CUSTODY_READ,
        P.DISPATCH_WRITE,
        P.DRAW_MANAGE,
        P.DUTY_ASSIGN,
        P.FORM_PUBLISH,
        P.HANDOVER_MANAGE,
        P.HANDOVER_READ,
        P.INFORMANT_READ,
        P.INSPECTION_APPROVE,
        P.INSPECTION_REQUEST,
        P.OBLIGATION_OPEN,
        P.OBLIGATION_RECORD,
        P.OPENING_NOTE,
        P.PAPER_PRINT,
        P.PATROL_PLAN,
        P.PERSON_DATA_READ,
        P.PERSON_TRANSFER,
        P.REPORT_DRAFT,
        P.REPORT_ISSUE,
        P.ROSTER_READ,
        P.ROSTER_WRITE,
        P.SCOPE_GRANT,
        P.SYNC_SETTLE,
        P.TAG_MANAGE,
    },
    Role.LEGAL: _READER
    | {
        P.AUDIT_READ,
        P.CAP_MANAGE,
        P.CLUE_READ,
        P.CLUE_WRITE,
        P.CUSTODY_DECIDE,
        P.CUSTODY_READ,
        P.DRAW_MANAGE,
        P.FORM_PUBLISH,
        P.INFORMANT_READ,
        P.OBLIGATION_OPEN,
        P.OBLIGATION_RECORD,
        P.PAPER_PRINT,
        P.PERSON_DATA_READ,
        P.POLICY_SIGN_OFF,
        P.REPORT_REVIEW,
    },
    Role.EVIDENCE_KEEPER: _EVERYONE
    | {P.CUSTODY_KEEP, P.CUSTODY_READ, P.PAPER_PRINT, P.PERSON_READ, P.RECORD_READ},
    Role.GIS: _EVERYONE | {P.CELL_READ, P.CELL_MANAGE, P.OUTLET_READ, P.REPORT_READ},
    Role.ADMIN: _EVERYONE
    | {
        P.ACCOUNT_MANAGE,
        P.AUDIT_READ,
        P.CELL_MANAGE,
        P.CELL_READ,
        P.DEVICE_MANAGE,
        P.DUTY_ASSIGN,
        P.FORM_MANAGE,
        P.NOTICE_MANAGE,
        P.OUTLET_READ,
        P.PERSON_READ,
        P.PERSON_TRANSFER,
        P.POLICY_MANAGE,
        P.REGISTER_IMPORT,
        P.ROSTER_READ,
        P.ROSTER_WRITE,
        P.SCOPE_GRANT,
        P.WORKDAY_MANAGE,
    },
}

# These roles see the cells of their whole bureau; the others see what the scope table gives them.
BUREAU_WIDE = frozenset({Role.BUREAU_LEADER, Role.LEGAL, Role.EVIDENCE_KEEPER, Role.GIS, Role.ADMIN})


def permissions_of(roles: frozenset[Role]) -> frozenset[Permission]:
    """The union of what the roles may do."""
    return frozenset().union(*(ROLES[role] for role in roles))
