/** Calendar periods of the three tiers: ISO week (Monday to Sunday), month and quarter, in the bureau's days. */

import { type Day, dayFrom, partsOf, weekdayOf } from "./days.ts";

/** A tier of re-inspection (周复查、月核查、季抽查). */
export type CadenceTier = "WEEKLY" | "MONTHLY" | "QUARTERLY";

/** The tiers, shallowest first: a deeper checklist asks for more. */
export const TIERS: readonly CadenceTier[] = ["WEEKLY", "MONTHLY", "QUARTERLY"];

/** 0 for the weekly tier, 1 for the monthly, 2 for the quarterly. */
export function depthOf(tier: CadenceTier): number {
  return TIERS.indexOf(tier);
}

/** One period of a tier; `key` is `2026-W08`, `2026-02` or `2026-Q1`; both days are in it. */
export interface Period {
  readonly tier: CadenceTier;
  readonly key: string;
  readonly firstDay: Day;
  readonly lastDay: Day;
}

const THURSDAY = 3;

/** The period of `tier` that holds `day`, a day of the bureau's own zone. */
export function periodOf(tier: CadenceTier, day: Day): Period {
  if (tier === "WEEKLY") {
    const firstDay = day - weekdayOf(day);
    // A week belongs to the year of its Thursday.
    const { year } = partsOf(firstDay + THURSDAY);
    const week = Math.floor((firstDay + THURSDAY - dayFrom(year, 1, 1)) / 7) + 1;
    return { tier, key: `${digits(year, 4)}-W${digits(week, 2)}`, firstDay, lastDay: firstDay + 6 };
  }
  const { year, month } = partsOf(day);
  const months = tier === "MONTHLY" ? 1 : 3;
  const first = month - ((month - 1) % months);
  const key = tier === "MONTHLY" ? digits(month, 2) : `Q${(first + 2) / 3}`;
  return {
    tier,
    key: `${digits(year, 4)}-${key}`,
    firstDay: dayFrom(year, first, 1),
    lastDay: dayFrom(year, first + months, 1) - 1,
  };
}

/**
 * The period of an equal or deeper tier in which `period` is reported: a week in the month and quarter of its Thursday.
 * Throws RangeError for a shallower tier, for a quarter lies in no single week.
 */
export function reportedIn(period: Period, tier: CadenceTier): Period {
  if (depthOf(tier) < depthOf(period.tier)) {
    throw new RangeError(`${period.key} is longer than a ${tier.toLowerCase()} period and lies in none.`);
  }
  return periodOf(tier, period.tier === "WEEKLY" ? period.firstDay + THURSDAY : period.firstDay);
}

/** Every period of `tier` with at least one day from `first` to `last`, both included, in order. */
export function periodsBetween(tier: CadenceTier, first: Day, last: Day): Period[] {
  const found: Period[] = [];
  for (let day = first; day <= last; ) {
    const period = periodOf(tier, day);
    found.push(period);
    day = period.lastDay + 1;
  }
  return found;
}

function digits(number: number, width: number): string {
  return String(number).padStart(width, "0");
}
