/** One subject's history, cut down to what was known by a moment, and which visit meets which obligation. */

import { type Day, type Instant } from "./days.ts";
import { type CadenceTier, TIERS } from "./periods.ts";
import { type Window } from "./rulebook.ts";

/** What was performed: a tier's checklist, or another deed such as `SERVICE`. */
export type Performed = string;

/**
 * What an obligation of another rule than the tiers follows from, with the window that it carries itself. It counts from
 * `knownAt` on, and from `withdrawnAt` on nothing is owed for it.
 */
export interface Trigger {
  readonly id: string;
  readonly rule: string;
  readonly at: Instant;
  readonly window: Window;
  readonly knownAt: Instant;
  readonly withdrawnAt: Instant | null;
}

/**
 * One check owed (应查), of a tier, whose policy gives the window, or of a trigger, which carries it. `key` is unique
 * in its track; `voided` says that a change of policy took it away.
 */
export type Obligation = {
  readonly id: string;
  readonly key: string;
  readonly firstDay: Day;
  readonly lastDay: Day;
  readonly voided: boolean;
} & (
  | { readonly tier: CadenceTier; readonly trigger: null }
  | { readonly tier: null; readonly trigger: Trigger }
);

/**
 * One version of what a visit's record amounts to: its deepest checklist or what else was done, its start by the corrected
 * clock, the key of the missed obligation that the officers named. Ids are UUIDs in lower case: they order alike as text.
 */
export interface Fact {
  readonly recordId: string;
  readonly tier: Performed;
  readonly performedAt: Instant;
  readonly knownAt: Instant;
  readonly valid: boolean;
  readonly makesUp: string | null;
}

/** That officers came and could not check (到店未查成); it stands in every tier. */
export interface Attempt {
  readonly recordId: string;
  readonly at: Instant;
  readonly knownAt: Instant;
}

/** That an obligation need not be done (经批准免查), until it is withdrawn. */
export interface Waiver {
  readonly obligationId: string;
  readonly knownAt: Instant;
  readonly revokedAt: Instant | null;
}

/** That the subject is active, or is not (停业、注销、过期), from a day on; a later known change of that day corrects it. */
export interface StatusChange {
  readonly fromDay: Day;
  readonly active: boolean;
  readonly knownAt: Instant;
}

/** That the subject lies in a cell, or in none that is known, from a day on. */
export interface Placement {
  readonly fromDay: Day;
  readonly cellId: string | null;
  readonly knownAt: Instant;
}

/** Everything about ONE subject, in any order; it owes only while both `changes` and `scopes` have it active. */
export interface History {
  readonly obligations: readonly Obligation[];
  readonly facts: readonly Fact[];
  readonly attempts: readonly Attempt[];
  readonly waivers: readonly Waiver[];
  readonly changes: readonly StatusChange[];
  readonly scopes: readonly StatusChange[];
  readonly placements: readonly Placement[];
}

/** A stretch in which a subject owes nothing; `until` is the day it is active again, null if never. */
export interface Inactivity {
  readonly since: Day;
  readonly until: Day | null;
}

/** An obligation with what decides whether a visit can meet it; `voidFrom` is the day of the suspension that voids it. */
export interface Term {
  readonly obligation: Obligation;
  readonly graceLastDay: Day;
  readonly minGapDays: number;
  readonly checklists: ReadonlySet<Performed>;
  readonly waived: boolean;
  readonly voidFrom: Day | null;
}

/** A valid record as one track sees it, with the checklists that it was done with. */
export interface Visit {
  readonly recordId: string;
  readonly checklists: ReadonlySet<Performed>;
  readonly day: Day;
  readonly performedAt: Instant;
  readonly makesUp: string | null;
}

/** Which visit met, and which made up, by obligation id. */
export interface Matches {
  readonly met: ReadonlyMap<string, Visit>;
  readonly madeUp: ReadonlyMap<string, Visit>;
}

// 查一补三 and 未查成再访: a new trigger ends what is still open of the ones before it.
const SUPERSEDING: ReadonlySet<string> = new Set(["triple_recheck", "attempt_retry"]);

type Comparable = number | string | boolean;

/** The order of two rows by their members, the first that differ deciding. */
export function inOrder(one: readonly Comparable[], other: readonly Comparable[]): number {
  for (const [place, value] of one.entries()) {
    const beside = other[place];
    if (beside !== undefined && value !== beside) return value < beside ? -1 : 1;
  }
  return 0;
}

/** The valid facts performed and known by `asOf`, each by its latest version, in order of (time, id). */
export function factsKnown(facts: Iterable<Fact>, asOf: Instant): Fact[] {
  const latest = new Map<string, Fact>();
  for (const fact of facts) {
    if (fact.knownAt > asOf) continue;
    const version = `${fact.recordId} ${fact.tier}`;
    const known = latest.get(version);
    if (!known || inOrder(versionOrder(fact), versionOrder(known)) > 0) latest.set(version, fact);
  }
  const kept = [...latest.values()].filter((fact) => fact.valid && fact.performedAt <= asOf);
  // A record may stand for several things: the depth, and then the code, settles the order of what is otherwise equal.
  const place = (fact: Fact) => [fact.performedAt, fact.recordId, depthFirst(fact.tier), fact.tier];
  return kept.sort((one, other) => inOrder(place(one), place(other)));
}

/** The attempts made and known by `asOf`, each by its latest version, in order of (time, id). */
export function attemptsKnown(attempts: Iterable<Attempt>, asOf: Instant): Attempt[] {
  const latest = new Map<string, Attempt>();
  for (const attempt of attempts) {
    if (attempt.knownAt > asOf) continue;
    const known = latest.get(attempt.recordId);
    if (!known || inOrder([attempt.knownAt, attempt.at], [known.knownAt, known.at]) > 0) {
      latest.set(attempt.recordId, attempt);
    }
  }
  const kept = [...latest.values()].filter((attempt) => attempt.at <= asOf);
  return kept.sort((one, other) => inOrder([one.at, one.recordId], [other.at, other.recordId]));
}

/** The obligations that a waiver known by `asOf`, and not withdrawn by then, lets off. */
export function waivedBy(waivers: Iterable<Waiver>, asOf: Instant): Set<string> {
  const found = new Set<string>();
  for (const waiver of waivers) {
    const withdrawn = waiver.revokedAt !== null && waiver.revokedAt <= asOf;
    if (waiver.knownAt <= asOf && !withdrawn) found.add(waiver.obligationId);
  }
  return found;
}

/** The stretches in which any of the timelines, as known by `asOf`, is inactive, in order and apart from each other. */
export function inactivities(asOf: Instant, ...timelines: Iterable<StatusChange>[]): Inactivity[] {
  const stretches = timelines.flatMap((changes) => stretchesOf(changes, asOf));
  const merged: Inactivity[] = [];
  for (const stretch of stretches.sort((one, other) => one.since - other.since)) {
    const last = merged.at(-1);
    if (!last || (last.until !== null && last.until < stretch.since)) merged.push(stretch);
    else if (last.until !== null && (stretch.until === null || stretch.until > last.until)) {
      merged[merged.length - 1] = { since: last.since, until: stretch.until };
    }
  }
  return merged;
}

function stretchesOf(changes: Iterable<StatusChange>, asOf: Instant): Inactivity[] {
  const byDay = new Map<Day, StatusChange>();
  for (const change of changes) {
    if (change.knownAt > asOf) continue;
    const known = byDay.get(change.fromDay);
    if (!known || inOrder([change.knownAt, change.active], [known.knownAt, known.active]) > 0) {
      byDay.set(change.fromDay, change);
    }
  }
  const found: Inactivity[] = [];
  let since: Day | null = null;
  for (const change of [...byDay.values()].sort((one, other) => one.fromDay - other.fromDay)) {
    if (!change.active) since ??= change.fromDay;
    else if (since !== null) {
      found.push({ since, until: change.fromDay });
      since = null;
    }
  }
  return since === null ? found : [...found, { since, until: null }];
}

/** The cell in which the subject lay on `day`, as known by `asOf`; before its first placement, that one's. */
export function cellOn(placements: Iterable<Placement>, day: Day, asOf: Instant): string | null {
  const known = [...placements].filter((placement) => placement.knownAt <= asOf);
  // The reference writes a cell that is not known as None where it settles a tie.
  const place = (one: Placement) => [one.fromDay, one.knownAt, one.cellId ?? "None"];
  known.sort((one, other) => inOrder(place(one), place(other)));
  const here = known.filter((placement) => placement.fromDay <= day).at(-1) ?? known[0];
  return here ? here.cellId : null;
}

/** The visits that count in a track: the facts, sorted, with one of the checklists that some of its obligations take. */
export function visitsOf(
  facts: Iterable<readonly [Fact, Day]>,
  checklists: ReadonlySet<Performed>,
): Visit[] {
  const found = new Map<string, Visit>();
  for (const [fact, day] of facts) {
    if (!checklists.has(fact.tier)) continue;
    const { recordId, performedAt, makesUp } = fact;
    const known = found.get(recordId);
    if (known) found.set(recordId, { ...known, checklists: new Set([...known.checklists, fact.tier]) });
    else found.set(recordId, { recordId, checklists: new Set([fact.tier]), day, performedAt, makesUp });
  }
  return [...found.values()];
}

/**
 * Walk a track's visits in order of time and give each to at most one obligation, the oldest debt first.
 *
 * A visit meets an earlier unmet obligation that is still in grace and takes its checklist; else the one whose window
 * holds its day, if at least `minGapDays` have passed since the day that met the previous one; else it makes up the
 * missed one that it names; else it is extra. `terms` are one track's, sorted by (first day, key). `lastMet` is the day
 * that last met anything before the first of these visits, where the walk is taken up in the middle.
 */
export function match(terms: readonly Term[], visits: Iterable<Visit>, lastMet: Day | null): Matches {
  const met = new Map<string, Visit>();
  const madeUp = new Map<string, Visit>();
  let waiting: Term[] = [];
  let begun = 0;
  for (const visit of visits) {
    for (let next = terms[begun]; next && next.obligation.firstDay <= visit.day; next = terms[++begun]) {
      waiting.push(next);
    }
    waiting = waiting.filter((term) => takes(term, visit.day));
    const fit = waiting.filter((term) => shares(term, visit));
    const meets =
      fit.find((term) => term.obligation.lastDay < visit.day) ??
      fit.find((term) => lastMet === null || visit.day - lastMet >= term.minGapDays);
    if (meets) {
      met.set(meets.obligation.id, visit);
      waiting = waiting.filter((term) => term !== meets);
      lastMet = visit.day;
    } else if (visit.makesUp !== null) {
      const named = terms.find((term) => term.obligation.key === visit.makesUp);
      if (!named || !shares(named, visit) || !missedBefore(named, visit.day)) continue;
      const { id } = named.obligation;
      if (!met.has(id) && !madeUp.has(id)) madeUp.set(id, visit);
    }
  }
  return { met, madeUp };
}

/**
 * The triggers after which another of the same rule came, with the time of the first that did; of two at one instant the
 * greater id is the later one. Those not known by `asOf`, or withdrawn by then, do not count.
 */
export function superseded(triggers: Iterable<Trigger>, asOf: Instant): Map<string, Instant> {
  const byRule = new Map<string, Map<string, Trigger>>();
  for (const trigger of triggers) {
    if (!SUPERSEDING.has(trigger.rule) || trigger.knownAt > asOf || withdrawn(trigger, asOf)) continue;
    const ofRule = byRule.get(trigger.rule) ?? new Map<string, Trigger>();
    byRule.set(trigger.rule, ofRule.set(trigger.id, trigger));
  }
  const found = new Map<string, Instant>();
  for (const ofRule of byRule.values()) {
    const live = [...ofRule.values()].sort((one, other) => inOrder([one.at, one.id], [other.at, other.id]));
    live.forEach((trigger, place) => {
      const later = live[place + 1];
      if (later) found.set(trigger.id, later.at);
    });
  }
  return found;
}

/** Whether the trigger was taken back by `asOf`. */
export function withdrawn(trigger: Trigger, asOf: Instant): boolean {
  return trigger.withdrawnAt !== null && trigger.withdrawnAt <= asOf;
}

/** Whether the visit was done with a checklist that meets it. */
function shares(term: Term, visit: Visit): boolean {
  return [...visit.checklists].some((checklist) => term.checklists.has(checklist));
}

/** Whether a visit on `day`, not before the first day, can still meet it. */
function takes(term: Term, day: Day): boolean {
  return !term.waived && day <= term.graceLastDay && (term.voidFrom === null || day < term.voidFrom);
}

/** Whether grace ran out before `day`, so that an obligation still unmet was really missed. */
function missedBefore(term: Term, day: Day): boolean {
  return !term.waived && term.voidFrom === null && term.graceLastDay < day;
}

function depthFirst(what: Performed): number {
  const depth = TIERS.findIndex((tier) => tier === what);
  return depth < 0 ? 1 : -depth;
}

function versionOrder(fact: Fact): Comparable[] {
  // Versions of one record learned at the same instant are settled by content, so input order never matters.
  return [fact.knownAt, fact.valid, fact.performedAt, fact.makesUp ?? ""];
}
