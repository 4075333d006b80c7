"""Entries as an iCalendar object (RFC 5545). The same entries give the same bytes: no clock is asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, Timezone

from server.calendars.entries import Entry

MEDIA_TYPE = "text/calendar; charset=utf-8"
NAME = "巡格巡查"
_PRODUCT = "-//Xunge//Patrols//ZH"
# How often a calendar had better look again; whoever subscribes decides.
_REFRESH = timedelta(hours=1)


def ics_of(entries: Sequence[Entry], today: date, zone: ZoneInfo) -> bytes:
    """The calendar, with the time zone that its entries are told in."""
    calendar = Calendar()
    calendar.add("prodid", _PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("x-wr-calname", NAME)
    calendar.add("x-wr-timezone", zone.key)
    calendar.add("refresh-interval", _REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT1H")
    calendar.add_component(_zone(zone.key, today.year))
    for entry in entries:
        calendar.add_component(_event(entry))
    told: bytes = calendar.to_ical()
    return told


@lru_cache(maxsize=8)
def _zone(key: str, year: int) -> Timezone:
    """The zone from the year before to the year after next, which is further than any entry."""
    return Timezone.from_tzid(key, first_date=date(year - 1, 1, 1), last_date=date(year + 2, 1, 1))


def _event(entry: Entry) -> Event:
    event = Event()
    event.add("uid", entry.uid)
    # Without a METHOD it says when the entry became what it is (RFC 5545, 3.8.7.2).
    modified = entry.modified.astimezone(UTC).replace(microsecond=0)
    event.add("dtstamp", modified)
    event.add("last-modified", modified)
    if entry.sequence is not None:
        event.add("sequence", entry.sequence)
    event.add("dtstart", entry.starts)
    event.add("dtend", entry.ends)
    event.add("summary", entry.summary)
    if entry.description:
        event.add("description", entry.description)
    if entry.location:
        event.add("location", entry.location)
    event.add("status", "CANCELLED" if entry.cancelled else "CONFIRMED")
    event.add("transp", "OPAQUE" if entry.sequence is not None and not entry.cancelled else "TRANSPARENT")
    event.add("class", "PRIVATE")
    return event
