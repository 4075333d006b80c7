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
  type Trigger,
  attemptsKnown,
  cellOn,
  factsKnown,
  inOrder,
  inactivities,
  match,
  superseded,
  visitsOf,
  waivedBy,
  withdrawn,
} from "./matching.ts";
import { TIERS } from "./periods.ts";
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

/** On which day each track was last met before the first visit of a history whose walk is taken up in the middle. */
export type LastMet = ReadonlyMap<string, Day>;

/** Within one track a visit meets one obligation at most: a tier, or what one trigger asks for. */
export function trackOf({ tier, trigger }: Pick<Obligation, "tier" | "trigger">): string {
  return trigger ? `${trigger.rule} ${trigger.id}` : (tier ?? "");
}

/**
 * Every obligation's state as known by `asOf` and judged at it, by track, first day and key.
 *
 * What became known after `asOf` is left out, and so is what was performed after it. Each obligation is judged by the
 * version of the policy that held on its first day; one that something triggered by the window that it carries, and it
 * is void when its trigger is withdrawn, or from the day after a later trigger superseded it. Throws RangeError if two
 * obligations of a track share a key, or if a tier has no policy.
 */
export function judge(history: History, rulebook: Rulebook, asOf: Instant, lastMet: LastMet = new Map()): Judgement[] {
  const today = rulebook.day(asOf);
  const facts = factsKnown(history.facts, asOf).map((fact) => [fact, rulebook.day(fact.performedAt)] as const);
  const attempts = attemptsKnown(history.attempts, asOf).map((one) => [one.recordId, rulebook.day(one.at)] as const);
  const waived = waivedBy(history.waivers, asOf);
  const idle = inactivities(asOf, history.changes, history.scopes);
  // What the licence covers does not matter to what something triggered.
  const outOfBusiness = inactivities(asOf, history.changes);
  const triggers = history.obligations.flatMap(({ trigger }) => trigger ?? []);
  const ended = new Map([...superseded(triggers, asOf)].map(([id, at]) => [id, rulebook.day(at) + 1]));
  return byTrack(history.obligations, asOf).flatMap(([track, owed]) => {
    const pairs = owed.map((one) => {
      const { trigger, firstDay, lastDay } = one;
      const window = trigger ? trigger.window : rulebook.window(one.tier, firstDay, lastDay);
      const from = trigger
        ? voidFrom(one, outOfBusiness, ...endings(one, trigger, ended, asOf))
        : voidFrom(one, idle);
      return { term: termOf(one, window, waived, from), window };
    });
    const checklists = new Set(pairs.flatMap(({ term }) => [...term.checklists]));
    const matches = match(
      pairs.map(({ term }) => term),
      visitsOf(facts, checklists),
      lastMet.get(track) ?? null,
    );
    return pairs.map(({ term, window }) => {
      const { firstDay, lastDay, id } = term.obligation;
      const tried = attempts.filter(([, day]) => firstDay <= day && day <= lastDay).map(([record]) => record);
      const closed = matches.met.get(id)?.day ?? Math.min(window.graceLastDay, today);
      return judgementOf(term, window, matches, tried, today, cellOn(history.placements, closed, asOf));
    });
  });
}

/** The obligations of each track that are known, oldest first: tiers from the shallowest, then rule by rule. */
function byTrack(obligations: readonly Obligation[], asOf: Instant): [string, Obligation[]][] {
  const tracks = new Map<string, Obligation[]>();
  for (const obligation of obligations) {
    if (obligation.trigger && obligation.trigger.knownAt > asOf) continue;
    const track = trackOf(obligation);
    tracks.set(track, [...(tracks.get(track) ?? []), obligation]);
  }
  for (const [track, owed] of tracks) {
    owed.sort((one, other) => inOrder([one.firstDay, one.key], [other.firstDay, other.key]));
    if (new Set(owed.map((one) => one.key)).size < owed.length) {
      throw new RangeError(`Two ${track.toLowerCase()} obligations of the subject share a key.`);
    }
  }
  const place = ([track]: [string, Obligation[]]) => {
    const depth = TIERS.findIndex((tier) => tier === track);
    return [depth < 0 ? TIERS.length : depth, track];
  };
  return [...tracks].sort((one, other) => inOrder(place(one), place(other)));
}

/** The day from which it is void: the policy took it away, the subject became inactive, or what triggered it ended. */
function voidFrom(obligation: Obligation, stretches: readonly Inactivity[], ...ends: Day[]): Day | null {
  const { firstDay, lastDay } = obligation;
  const voiding = stretches.filter(
    (stretch) => stretch.since <= lastDay && (stretch.until === null || firstDay < stretch.until),
  );
  if (obligation.voided) return firstDay;
  const days = [...voiding.map((stretch) => stretch.since), ...ends];
  return days.length ? Math.min(...days) : null;
}

/** A later trigger within the window ends what is open of it; what it comes after has been missed. */
function endings(
  { firstDay, lastDay }: Obligation,
  trigger: Trigger,
  ended: ReadonlyMap<string, Day>,
  asOf: Instant,
): Day[] {
  const after = ended.get(trigger.id);
  const found = after !== undefined && after - 1 <= lastDay ? [after] : [];
  return withdrawn(trigger, asOf) ? [...found, firstDay] : found;
}

function termOf(obligation: Obligation, window: Window, waived: ReadonlySet<string>, from: Day | null): Term {
  return {
    obligation,
    graceLastDay: window.graceLastDay,
    minGapDays: window.minGapDays,
    checklists: window.checklists,
    waived: window.waivedByRule || waived.has(obligation.id),
    voidFrom: from,
  };
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
