/**
 * The state of every obligation of one subject, as known by a moment and judged at it.
 *
 * The reference is the server's `cadence/rules.py`; tests/vectors/cadence holds what it answers, and this has to answer
 * the same. Nothing here reads a clock.
 */

import { type Day, type Instant } from "./days.ts";
import {
  type History,
  type Inactivity,
  type Matches,
  type Obligation,
  type Term,
  attemptsKnown,
  cellOn,
  factsKnown,
  inOrder,
  inactivities,
  match,
  visitsOf,
  waivedBy,
} from "./matching.ts";
import { type CadenceTier, TIERS } from "./periods.ts";
import { type Rulebook, type Window } from "./rulebook.ts";

/** 未到期、待查、到店未查成、临期、按期完成、逾期完成、漏查、逾期补查、经批准免查、终止. */
export type ObligationState =
  | "upcoming"
  | "open"
  | "attempted"
  | "due"
  | "met"
  | "met_late"
  | "missed"
  | "made_up"
  | "waived"
  | "void";

/**
 * What became of one obligation: the record that met it, or made up for it, and its time; how many calendar days after
 * the last day; the records of attempts within the window; the cell in which it counts.
 */
export interface Judgement {
  readonly obligation: Obligation;
  readonly state: ObligationState;
  readonly metBy: string | null;
  readonly madeUpBy: string | null;
  readonly performedAt: Instant | null;
  readonly daysLate: number;
  readonly attempts: readonly string[];
  readonly provisional: boolean;
  readonly cellId: string | null;
}

/** On which day each tier was last met before the first visit of a history whose walk is taken up in the middle. */
export type LastMet = Readonly<Partial<Record<CadenceTier, Day>>>;

/**
 * Every obligation's state as known by `asOf` and judged at it, by tier, first day and key.
 *
 * What became known after `asOf` is left out, and so is what was performed after it. Each obligation is judged by the
 * version of the policy that held on its first day. Throws RangeError if two obligations of a tier share a key, or if a
 * tier has no policy.
 */
export function judge(history: History, rulebook: Rulebook, asOf: Instant, lastMet: LastMet = {}): Judgement[] {
  const today = rulebook.day(asOf);
  const facts = factsKnown(history.facts, asOf).map((fact) => [fact, rulebook.day(fact.performedAt)] as const);
  const attempts = attemptsKnown(history.attempts, asOf).map((one) => [one.recordId, rulebook.day(one.at)] as const);
  const waived = waivedBy(history.waivers, asOf);
  const stretches = inactivities(asOf, history.changes, history.scopes);
  return TIERS.flatMap((tier) => {
    const owed = ofTier(history.obligations, tier);
    const windows = owed.map((one) => rulebook.window(tier, one.firstDay, one.lastDay));
    const pairs = owed.map((one, place) => pairOf(one, windows[place] as Window, waived, stretches));
    const checklists = new Set(pairs.flatMap(({ term }) => [...term.checklists]));
    const matches = match(
      pairs.map(({ term }) => term),
      visitsOf(facts, checklists),
      lastMet[tier] ?? null,
    );
    return pairs.map(({ term, window }) => {
      const { firstDay, lastDay, id } = term.obligation;
      const tried = attempts.filter(([, day]) => firstDay <= day && day <= lastDay).map(([record]) => record);
      const closed = matches.met.get(id)?.day ?? Math.min(window.graceLastDay, today);
      return judgementOf(term, window, matches, tried, today, cellOn(history.placements, closed, asOf));
    });
  });
}

function ofTier(obligations: readonly Obligation[], tier: CadenceTier): Obligation[] {
  const owed = obligations.filter((obligation) => obligation.tier === tier);
  if (new Set(owed.map((one) => one.key)).size < owed.length) {
    throw new RangeError(`Two ${tier.toLowerCase()} obligations of the subject share a key.`);
  }
  return owed.sort((one, other) => inOrder([one.firstDay, one.key], [other.firstDay, other.key]));
}

function pairOf(
  obligation: Obligation,
  window: Window,
  waived: ReadonlySet<string>,
  stretches: readonly Inactivity[],
): { term: Term; window: Window } {
  const { firstDay, lastDay } = obligation;
  const voiding = stretches.find(
    (stretch) => stretch.since <= lastDay && (stretch.until === null || firstDay < stretch.until),
  );
  const term: Term = {
    obligation,
    graceLastDay: window.graceLastDay,
    minGapDays: window.minGapDays,
    checklists: window.checklists,
    waived: window.waivedByRule || waived.has(obligation.id),
    voidFrom: obligation.voided ? firstDay : (voiding?.since ?? null),
  };
  return { term, window };
}

function judgementOf(
  term: Term,
  window: Window,
  matches: Matches,
  tried: readonly string[],
  today: Day,
  cellId: string | null,
): Judgement {
  const { obligation } = term;
  const met = matches.met.get(obligation.id);
  const madeUp = matches.madeUp.get(obligation.id);
  const visit = met ?? madeUp;
  return {
    obligation,
    state: met ? metOn(met.day, obligation) : unmet(term, window, madeUp !== undefined, tried.length > 0, today),
    metBy: met?.recordId ?? null,
    madeUpBy: madeUp?.recordId ?? null,
    performedAt: visit?.performedAt ?? null,
    daysLate: visit ? Math.max(0, visit.day - obligation.lastDay) : 0,
    attempts: tried,
    provisional: window.provisional,
    cellId,
  };
}

function metOn(day: Day, obligation: Obligation): ObligationState {
  return day <= obligation.lastDay ? "met" : "met_late";
}

function unmet(term: Term, window: Window, madeUp: boolean, tried: boolean, today: Day): ObligationState {
  if (term.voidFrom !== null) return "void";
  if (today < term.obligation.firstDay) return "upcoming";
  if (term.waived) return "waived";
  if (today > term.graceLastDay) return madeUp ? "made_up" : "missed";
  if (today >= window.dueFrom) return "due";
  return tried ? "attempted" : "open";
}
