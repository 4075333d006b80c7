/**
 * What has become of one subject's obligations as a handheld knows it now: by the documents that it pulled and by the
 * records that lie on it unsynced. Once they are synced, and nobody else was there, the server answers the same.
 */

import { type Day, type Instant, type Zone, parseDay, parseInstant } from "./days.ts";
import {
  type Attempt,
  type Fact,
  type History,
  type Obligation,
  type StatusChange,
  type Trigger,
  type Waiver,
} from "./matching.ts";
import { type CadenceTier } from "./periods.ts";
import { type LastMet, type ObligationState, judge, trackOf } from "./rules.ts";
import { Rulebook, type TierPolicy, type Version, type Window } from "./rulebook.ts";
import { Workdays } from "./workdays.ts";

/** What is read of a document of the collection `obligations`; without a tier it carries its trigger and its window. */
export interface ObligationDocument {
  readonly id: string;
  readonly rule: string;
  readonly tier: CadenceTier | null;
  readonly key: string;
  readonly trigger_id: string | null;
  readonly triggered_at: string | null;
  readonly known_at: string | null;
  readonly withdrawn_at: string | null;
  readonly due_from: string | null;
  readonly grace_last_day: string;
  readonly accepts: readonly string[] | null;
  readonly min_gap_days: number | null;
  readonly provisional: boolean;
  readonly first_day: string;
  readonly last_day: string;
  readonly met_by: string | null;
  readonly met_at: string | null;
  readonly attempts: number;
  readonly waiver: string | null;
  readonly voided: boolean;
}

/** What is read of a document of the collection `outlets`: since when it is in business, and what its licence covers. */
export interface OutletDocument {
  readonly statuses: readonly { from_day: string; status: string; known_at: string }[];
  readonly scopes: readonly { from_day: string; licence_scope: readonly string[]; known_at: string }[];
}

/** What is read of a policy in the collection `reference`. */
export interface PolicyDocument {
  readonly kind: "policy";
  readonly version: number;
  readonly effective_from: string;
  readonly effective_to: string | null;
  readonly tiers: readonly {
    readonly tier: CadenceTier;
    readonly satisfies: readonly CadenceTier[];
    readonly grace_working_days: number;
    readonly min_gap_days: number;
    readonly due_soon_working_days: number;
    readonly min_workdays: number;
  }[];
}

/** What is read of a year of the workday table in the collection `reference`. */
export interface WorkdaysDocument {
  readonly kind: "workdays";
  readonly year: number;
  readonly off: readonly string[];
  readonly make_up: readonly string[];
}

/**
 * A final record of the subject that the server does not have yet; `performed` is the tier of its form, or what else was
 * done with it, null where that meets nothing. `valid` is what the handheld makes of it: the server has the last word.
 */
export interface UnsyncedRecord {
  readonly id: string;
  readonly kind: string;
  readonly performed: string | null;
  readonly started_at: string;
  readonly clock_offset_s?: number;
  readonly makes_up?: string | null;
  readonly amends_id?: string | null;
  readonly valid: boolean;
}

/** One subject as it lies on the handheld: all its obligations, met ones too. */
export interface Subject {
  readonly outlet: OutletDocument;
  readonly obligations: readonly ObligationDocument[];
  readonly unsynced: readonly UnsyncedRecord[];
}

/** An obligation's state now; `metBy` is the record that met it or made up for it, `unsynced` that it lies here only. */
export interface StateNow {
  readonly obligation: ObligationDocument;
  readonly state: ObligationState;
  readonly metBy: string | null;
  readonly unsynced: boolean;
  readonly dueFrom: Day;
  readonly graceLastDay: Day;
  readonly provisional: boolean;
}

/** The rulebook of the documents in `reference`, in the bureau's zone. Other documents there are passed over. */
export function rulebookOf(reference: Iterable<{ readonly kind: string }>, zone: Zone): Rulebook {
  const policies: PolicyDocument[] = [];
  const years: WorkdaysDocument[] = [];
  for (const document of reference) {
    if (isPolicy(document) && !withdrawn(document)) policies.push(document);
    if (isWorkdays(document)) years.push(document);
  }
  policies.sort(
    (one, other) => parseDay(one.effective_from) - parseDay(other.effective_from) || one.version - other.version,
  );
  const workdays = new Workdays(
    years.flatMap((year) => year.off.map(parseDay)),
    years.flatMap((year) => year.make_up.map(parseDay)),
    years.map(({ year }) => year),
  );
  return new Rulebook(policies.map(versionOf), workdays, zone);
}

/**
 * Every obligation's state now.
 *
 * Of the tiers, what was met before the first unsynced visit stays met, and the walk is taken up there: what was met
 * after it is matched again, by the visits that the documents tell of, for the unsynced one may come in between. What
 * something triggered hangs together with other triggers, and is walked whole.
 */
export function statesNow(subject: Subject, rulebook: Rulebook, now: Instant): StateNow[] {
  const records = subject.unsynced.filter((record) => !record.amends_id);
  const visits = records.flatMap((record) => (record.performed ? [factOf(record, record.performed, now)] : []));
  const since = Math.min(Infinity, ...visits.map((visit) => visit.performedAt));
  const settled = subject.obligations.filter(
    (one) => one.tier !== null && one.met_at !== null && parseInstant(one.met_at) < since,
  );
  const moving = subject.obligations.filter((one) => !settled.includes(one));
  const rest: Omit<History, "obligations" | "facts"> = {
    attempts: records.filter(({ kind }) => kind === "attempt").map((record) => attemptOf(record, now)),
    waivers: moving.flatMap((one): Waiver[] =>
      one.waiver === null ? [] : [{ obligationId: one.id, knownAt: -Infinity, revokedAt: null }],
    ),
    changes: subject.outlet.statuses.map(({ status, ...row }) => changeOf(row, status === "active")),
    scopes: subject.outlet.scopes.map(({ licence_scope, ...row }) => changeOf(row, licence_scope.includes("ecig"))),
    placements: [],
  };
  // Each by itself, for the visit behind what was met is only known to have met it.
  const judged = [moving.filter((one) => one.tier !== null), moving.filter((one) => one.tier === null)].flatMap((some) =>
    judge(
      { ...rest, obligations: some.map(obligationOf), facts: [...factsBehind(some, rulebook), ...visits] },
      rulebook,
      now,
      lastMetBy(settled, rulebook),
    ),
  );
  const found = new Map(judged.map((one) => [one.obligation.id, one]));
  const mine = new Set(records.map((record) => record.id.toLowerCase()));
  return subject.obligations.map((document) => {
    const window = windowOf(document, rulebook);
    const judgement = found.get(document.id);
    const metBy = judgement ? (judgement.metBy ?? judgement.madeUpBy) : document.met_by;
    return {
      obligation: document,
      state: judgement ? moved(judgement.state, document) : closed(document, rulebook),
      metBy,
      unsynced: metBy !== null && mine.has(metBy),
      dueFrom: window.dueFrom,
      graceLastDay: window.graceLastDay,
      provisional: window.provisional,
    };
  });
}

function isPolicy(document: { readonly kind: string }): document is PolicyDocument {
  return document.kind === "policy";
}

function isWorkdays(document: { readonly kind: string }): document is WorkdaysDocument {
  return document.kind === "workdays";
}

/** Whether it was retired before its first day, so that it never held. */
function withdrawn(policy: PolicyDocument): boolean {
  return policy.effective_to !== null && parseDay(policy.effective_to) < parseDay(policy.effective_from);
}

function versionOf(policy: PolicyDocument): Version {
  const tiers: Partial<Record<CadenceTier, TierPolicy>> = {};
  for (const row of policy.tiers) {
    tiers[row.tier] = {
      graceWorkingDays: row.grace_working_days,
      minGapDays: row.min_gap_days,
      dueSoonWorkingDays: row.due_soon_working_days,
      satisfies: row.satisfies,
      minWorkdays: row.min_workdays,
    };
  }
  return { effectiveFrom: parseDay(policy.effective_from), tiers };
}

function obligationOf(document: ObligationDocument): Obligation {
  const { id, tier, key, voided } = document;
  const owed = { id, key, voided, firstDay: parseDay(document.first_day), lastDay: parseDay(document.last_day) };
  return tier ? { ...owed, tier, trigger: null } : { ...owed, tier: null, trigger: triggerOf(document) };
}

function triggerOf(document: ObligationDocument): Trigger {
  return {
    id: document.trigger_id ?? document.id,
    rule: document.rule,
    at: parseInstant(document.triggered_at ?? ""),
    window: ownWindow(document),
    knownAt: parseInstant(document.known_at ?? ""),
    withdrawnAt: document.withdrawn_at === null ? null : parseInstant(document.withdrawn_at),
  };
}

function ownWindow(document: ObligationDocument): Window {
  return {
    dueFrom: parseDay(document.due_from ?? document.first_day),
    graceLastDay: parseDay(document.grace_last_day),
    waivedByRule: false,
    provisional: document.provisional,
    minGapDays: document.min_gap_days ?? 0,
    checklists: new Set([...(document.accepts ?? []), whatMet(document)]),
  };
}

/** What was performed where only that it met the obligation is known: of a tier its checklist, else a word of its own. */
function whatMet(document: ObligationDocument): string {
  return document.tier ?? `met ${document.rule} ${document.trigger_id}`;
}

function windowOf(document: ObligationDocument, rulebook: Rulebook): Window {
  if (document.tier === null) return ownWindow(document);
  return rulebook.window(document.tier, parseDay(document.first_day), parseDay(document.last_day));
}

function timeOf(record: UnsyncedRecord): Instant {
  return parseInstant(record.started_at) - (record.clock_offset_s ?? 0) * 1_000_000;
}

function factOf(record: UnsyncedRecord, tier: string, now: Instant): Fact {
  return {
    recordId: record.id.toLowerCase(),
    tier,
    performedAt: timeOf(record),
    knownAt: now,
    valid: record.valid,
    makesUp: record.makes_up ?? null,
  };
}

function attemptOf(record: UnsyncedRecord, now: Instant): Attempt {
  return { recordId: record.id.toLowerCase(), at: timeOf(record), knownAt: now };
}

function changeOf(row: { from_day: string; known_at: string }, active: boolean): StatusChange {
  return { fromDay: parseDay(row.from_day), active, knownAt: parseInstant(row.known_at) };
}

/** The visits behind what was met: each with the checklist of every tier in which it met something, which is enough. */
function factsBehind(obligations: readonly ObligationDocument[], rulebook: Rulebook): Fact[] {
  const met = obligations.filter((one) => one.met_by !== null && one.met_at !== null);
  const named = new Map(met.filter((one) => wasMadeUp(one, rulebook)).map((one) => [one.met_by, one.key]));
  return met.map((one) => ({
    recordId: one.met_by ?? "",
    tier: whatMet(one),
    performedAt: parseInstant(one.met_at ?? ""),
    knownAt: -Infinity,
    valid: true,
    makesUp: named.get(one.met_by) ?? null,
  }));
}

/** The last day on which each tier was met; what was made up after its grace does not count for the gap. */
function lastMetBy(settled: readonly ObligationDocument[], rulebook: Rulebook): LastMet {
  const found = new Map<string, Day>();
  for (const one of settled) {
    if (wasMadeUp(one, rulebook)) continue;
    const track = trackOf(obligationOf(one));
    found.set(track, Math.max(found.get(track) ?? -Infinity, dayMet(one, rulebook)));
  }
  return found;
}

function dayMet(document: ObligationDocument, rulebook: Rulebook): Day {
  return rulebook.day(parseInstant(document.met_at ?? ""));
}

function wasMadeUp(document: ObligationDocument, rulebook: Rulebook): boolean {
  return dayMet(document, rulebook) > windowOf(document, rulebook).graceLastDay;
}

function closed(document: ObligationDocument, rulebook: Rulebook): ObligationState {
  if (wasMadeUp(document, rulebook)) return "made_up";
  return dayMet(document, rulebook) <= parseDay(document.last_day) ? "met" : "met_late";
}

/** The server counts the attempts that it has; those are not among the records that lie here. */
function moved(state: ObligationState, document: ObligationDocument): ObligationState {
  return state === "open" && document.attempts > 0 ? "attempted" : state;
}
