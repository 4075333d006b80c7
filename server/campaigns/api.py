"""Tags and campaigns over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

from schemas.campaigns import (
    CampaignIn,
    CampaignOut,
    CampaignPage,
    CampaignQuery,
    CampaignWithdrawalIn,
    FiguresOut,
    MarkedList,
    ReachedList,
    ReachedQuery,
    TagEndIn,
    TagIn,
    TagKindIn,
    TagKindList,
    TagKindOut,
    TagPage,
    TagQuery,
    TagsPut,
)
from server.campaigns import ops, queries, tag_queries, tags
from server.campaigns.figures import figures_of, outlet_told
from server.campaigns.models import Campaign, CampaignWithdrawal, PlaceTag, TagKind
from server.kernel.http import Noun
from server.kernel.paging import page_of_rows
from server.kernel.permissions import Permission
from server.kernel.work import Work

blueprint = Noun("campaigns", "专项行动与重点场所标签 Campaigns and tags")


@blueprint.endpoint("GET", "/tag-kinds", permission=Permission.CAMPAIGN_READ, gives=TagKindList)
def list_tag_kinds(work: Work) -> dict[str, Any]:
    """Every tag of the bureau: those that all bureaus have, and its own."""
    return {"items": [{"code": code, "name": name} for code, name in tag_queries.tag_names(work).items()]}


@blueprint.endpoint(
    "POST",
    "/tag-kinds",
    permission=Permission.CAMPAIGN_MANAGE,
    takes=TagKindIn,
    gives=TagKindOut,
    status=201,
)
def define_tag(work: Work, given: dict[str, Any]) -> TagKind:
    """Define a tag of the bureau's own."""
    return tags.define(work, given["code"], given["name"])


@blueprint.endpoint("GET", "/tags", permission=Permission.CAMPAIGN_READ, takes=TagQuery, gives=TagPage)
def list_tags(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The tags of places in scope, in the order in which they were put on."""
    rows = tag_queries.listed(work, query)
    page = page_of_rows(work.session, rows, [PlaceTag.known_at, PlaceTag.id], query["after"], query["limit"])
    return {**page, "items": tag_queries.described(work, page["items"])}


@blueprint.endpoint("POST", "/tags", permission=Permission.TAG_MANAGE, takes=TagIn, gives=TagsPut, status=201)
def put_tag(work: Work, given: dict[str, Any]) -> dict[str, int]:
    """List places as something: by licence number, all outlets of cells, or one by one."""
    put = tags.put(work, given)
    return {"new": len(put.new), "unchanged": put.unchanged}


@blueprint.endpoint(
    "POST", "/tags/endings", permission=Permission.TAG_MANAGE, takes=TagEndIn, gives=TagsPut, status=201
)
def end_tags(work: Work, given: dict[str, Any]) -> dict[str, int]:
    """Delist places; the tags stay to be read."""
    ended = tags.end(work, given["tag_ids"], given["last_day"], given["reason"])
    return {"new": len(ended), "unchanged": 0}


@blueprint.endpoint(
    "GET", "/campaigns", permission=Permission.CAMPAIGN_READ, takes=CampaignQuery, gives=CampaignPage
)
def list_campaigns(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The bureau's campaigns, the latest first."""
    rows = queries.listed(work)
    if query["state"]:
        rows = rows.where(queries.in_state(work, query["state"]))
    if query["on"]:
        rows = rows.where(
            Campaign.first_day <= query["on"],
            Campaign.last_day >= query["on"],
            CampaignWithdrawal.withdrawn_at.is_(None),
        )
    keys = [Campaign.first_day, Campaign.id]
    page = page_of_rows(work.session, rows, keys, query["after"], query["limit"], newest_first=True)
    return {**page, "items": queries.described(work, page["items"])}


@blueprint.endpoint(
    "POST",
    "/campaigns",
    permission=Permission.CAMPAIGN_MANAGE,
    takes=CampaignIn,
    gives=CampaignOut,
    status=201,
)
def set_up(work: Work, given: dict[str, Any]) -> dict[str, Any]:
    """Set a campaign up; handhelds hear of it."""
    return queries.told(work, ops.set_up(work, given).id)


@blueprint.endpoint(
    "GET", "/campaigns/<uuid:campaign_id>", permission=Permission.CAMPAIGN_READ, gives=CampaignOut
)
def get_campaign(work: Work, campaign_id: uuid.UUID) -> dict[str, Any]:
    """One campaign."""
    return queries.told(work, campaign_id)


@blueprint.endpoint(
    "POST",
    "/campaigns/<uuid:campaign_id>/withdrawal",
    permission=Permission.CAMPAIGN_MANAGE,
    takes=CampaignWithdrawalIn,
    gives=CampaignOut,
    status=201,
)
def withdraw(work: Work, given: dict[str, Any], campaign_id: uuid.UUID) -> dict[str, Any]:
    """End a campaign before its last day; what was checked before still counts."""
    return queries.told(work, ops.withdraw(work, campaign_id, given["reason"]).id)


@blueprint.endpoint(
    "GET", "/campaigns/<uuid:campaign_id>/figures", permission=Permission.CAMPAIGN_READ, gives=FiguresOut
)
def get_figures(work: Work, campaign_id: uuid.UUID) -> dict[str, Any]:
    """How far it reached, in the reader's scope."""
    return figures_of(work, queries.find(work, campaign_id))


@blueprint.endpoint(
    "GET",
    "/campaigns/<uuid:campaign_id>/outlets",
    permission=Permission.CAMPAIGN_READ,
    takes=ReachedQuery,
    gives=ReachedList,
)
def list_outlets(work: Work, query: dict[str, Any], campaign_id: uuid.UUID) -> dict[str, Any]:
    """The outlets in its scope, with the records behind the figures."""
    reached = queries.outlets_of(work, queries.find(work, campaign_id))
    wanted = [one for one in reached if query["visited"] in (None, one.visited)]
    return {"items": [outlet_told(one) for one in wanted]}


@blueprint.endpoint(
    "GET", "/campaigns/<uuid:campaign_id>/records", permission=Permission.RECORD_READ, gives=MarkedList
)
def list_records(work: Work, campaign_id: uuid.UUID) -> dict[str, Any]:
    """The records that belong to it, the earliest first."""
    return {"items": queries.records_of(work, queries.find(work, campaign_id))}
