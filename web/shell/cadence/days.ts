/** Days of the calendar and instants as whole numbers, so that neither a zone nor a fraction creeps into a comparison. */

/** A day of the calendar, counted from 1970-01-01. */
export type Day = number;

/** A moment in microseconds since 1970-01-01T00:00Z, as exact as the server's; whole until the year 2255. */
export type Instant = number;

const MILLISECONDS_A_DAY = 86_400_000;
const DAY_TEXT = /^(\d{4})-(\d{2})-(\d{2})$/;
const INSTANT_TEXT =
  /^(\d{4}-\d{2}-\d{2})T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,6}))?(?:Z|([+-])(\d{2}):([0-5]\d))$/;

/** The day of a year, a month from 1 to 12 and a day of the month; days beyond a month's ends run over. */
export function dayFrom(year: number, month: number, dayOfMonth: number): Day {
  // Date.UTC would take a year below 100 for one of the twentieth century.
  return new Date(0).setUTCFullYear(year, month - 1, dayOfMonth) / MILLISECONDS_A_DAY;
}

/** The day that `text` names, such as `2026-02-16`. Throws RangeError for any other text and for 30 February. */
export function parseDay(text: string): Day {
  const found = DAY_TEXT.exec(text);
  const day = found ? dayFrom(Number(found[1]), Number(found[2]), Number(found[3])) : Number.NaN;
  if (!found || formatDay(day) !== text) {
    throw new RangeError(`${JSON.stringify(text)} is no day such as 2026-02-16.`);
  }
  return day;
}

/** `2026-02-16`. */
export function formatDay(day: Day): string {
  return new Date(day * MILLISECONDS_A_DAY).toISOString().slice(0, 10);
}

/** Year, month from 1 to 12, and day of the month. */
export function partsOf(day: Day): { year: number; month: number; dayOfMonth: number } {
  const date = new Date(day * MILLISECONDS_A_DAY);
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, dayOfMonth: date.getUTCDate() };
}

/** 0 for Monday to 6 for Sunday. */
export function weekdayOf(day: Day): number {
  // 1 January 1970 was a Thursday.
  return (((day + 3) % 7) + 7) % 7;
}

/** The moment that `text` names in RFC 3339 with an offset. Throws RangeError for any other text. */
export function parseInstant(text: string): Instant {
  const found = INSTANT_TEXT.exec(text);
  if (!found) {
    throw new RangeError(`${JSON.stringify(text)} is no moment such as 2026-09-20T23:58:00+08:00.`);
  }
  const [, day = "", hours, minutes, seconds, fraction = "", sign, zoneHours = 0, zoneMinutes = 0] = found;
  const ahead = (sign === "-" ? -1 : 1) * (Number(zoneHours) * 60 + Number(zoneMinutes));
  const minute = parseDay(day) * 1440 + Number(hours) * 60 + Number(minutes) - ahead;
  return (minute * 60 + Number(seconds)) * 1_000_000 + Number(fraction.padEnd(6, "0"));
}

/** The moment in RFC 3339 and UTC, to the microsecond where it has one. */
export function formatInstant(instant: Instant): string {
  const micros = ((instant % 1_000_000) + 1_000_000) % 1_000_000;
  const seconds = new Date((instant - micros) / 1000).toISOString().slice(0, 19);
  return micros ? `${seconds}.${String(micros).padStart(6, "0")}Z` : `${seconds}Z`;
}

/** The bureau's zone, such as `Asia/Shanghai`, with the offsets that the device's own tables know. */
export class Zone {
  readonly #format: Intl.DateTimeFormat;

  /** Throws RangeError for a name that the device does not know. */
  constructor(name: string) {
    this.#format = new Intl.DateTimeFormat("en-u-ca-gregory-nu-latn", {
      timeZone: name,
      year: "numeric",
      month: "numeric",
      day: "numeric",
    });
  }

  /** The zone's own day of a moment: Sunday 23:58 belongs to Sunday's week. */
  day(instant: Instant): Day {
    const said: Record<string, number> = {};
    for (const part of this.#format.formatToParts(Math.floor(instant / 1000))) {
      said[part.type] = Number(part.value);
    }
    return dayFrom(said["year"] ?? Number.NaN, said["month"] ?? Number.NaN, said["day"] ?? Number.NaN);
  }
}
