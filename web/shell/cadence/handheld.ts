/**
 * What has become of one subject's obligations as a handheld knows it now: by the documents that it pulled and by the
 * records that lie on it unsynced. Once they are synced, and nobody else was there, the server answers the same.
 */

import { type Day, type Instant, type Zone, parseDay, parseInstant } from "./days.ts";
import { type Attempt, type Fact, type Obligation, type StatusChange, type Waiver } from "./matching.ts";
import { type CadenceTier } from "./periods.ts";
import { type LastMet, type ObligationState, judge } from "./rules.ts";
import { Rulebook, type TierPolicy, type Version } from "./rulebook.ts";
import { Workdays } from "./workdays.ts";

/** What is read of a document of the collection `obligations`. */
export interface ObligationDocument {
  readonly id: string;
  readonly tier: CadenceTier;
  readonly key: string;
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
 * A final record of the subject that the server does not have yet; `tier` is that of its form, null where the form meets
 * none. `valid` is what the handheld makes of it: the server has the last word.
 */
export interface UnsyncedRecord {
  readonly id: string;
  readonly kind: string;
  readonly tier: CadenceTier | null;
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
 * What was met before the first unsynced visit stays met, and the walk is taken up there: what was met after it is
 * matched again, by the visits that the documents tell of, for the unsynced one may come in between.
 */
export function statesNow(subject: Subject, rulebook: Rulebook, now: Instant): StateNow[] {
  const records = subject.unsynced.filter((record) => !record.amends_id);
  const visits = records.flatMap((record) => (record.tier ? [factOf(record, record.tier, now)] : []));
  const since = Math.min(Infinity, ...visits.map((visit) => visit.performedAt));
  const settled = subject.obligations.filter((one) => one.met_at !== null && parseInstant(one.met_at) < since);
  const moving = subject.obligations.filter((one) => !settled.includes(one));
  const judged = judge(
    {
      obligations: moving.map(obligationOf),
      facts: [...factsBehind(moving, rulebook), ...visits],
      attempts: records.filter(({ kind }) => kind === "attempt").map((record) => attemptOf(record, now)),
      waivers: moving.flatMap((one): Waiver[] =>
        one.waiver === null ? [] : [{ obligationId: one.id, knownAt: -Infinity, revokedAt: null }],
      ),
      changes: subject.outlet.statuses.map(({ status, ...rest }) => changeOf(rest, status === "active")),
      scopes: subject.outlet.scopes.map(({ licence_scope, ...rest }) => changeOf(rest, licence_scope.includes("ecig"))),
      placements: [],
    },
    rulebook,
    now,
    lastMetBy(settled, rulebook),
  );
  const found = new Map(judged.map((one) => [one.obligation.id, one]));
  const mine = new Set(records.map((record) => record.id.toLowerCase()));
  return subject.obligations.map((obligation) => {
    const window = windowOf(obligation, rulebook);
    const judgement = found.get(obligation.id);
    const metBy = judgement ? (judgement.metBy ?? judgement.madeUpBy) : obligation.met_by;
    return {
      obligation,
      state: judgement ? moved(judgement.state, obligation) : closed(obligation, rulebook),
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
  return { id, tier, key, firstDay: parseDay(document.first_day), lastDay: parseDay(document.last_day), voided };
}

function windowOf(document: ObligationDocument, rulebook: Rulebook) {
  return rulebook.window(document.tier, parseDay(document.first_day), parseDay(document.last_day));
}

function timeOf(record: UnsyncedRecord): Instant {
  return parseInstant(record.started_at) - (record.clock_offset_s ?? 0) * 1_000_000;
}

function factOf(record: UnsyncedRecord, tier: CadenceTier, now: Instant): Fact {
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
    tier: one.tier,
    performedAt: parseInstant(one.met_at ?? ""),
    knownAt: -Infinity,
    valid: true,
    makesUp: named.get(one.met_by) ?? null,
  }));
}

/** The last day on which each tier was met; what was made up after its grace does not count for the gap. */
function lastMetBy(settled: readonly ObligationDocument[], rulebook: Rulebook): LastMet {
  const found: Partial<Record<CadenceTier, Day>> = {};
  for (const one of settled) {
    if (wasMadeUp(one, rulebook)) continue;
    found[one.tier] = Math.max(found[one.tier] ?? -Infinity, dayMet(one, rulebook));
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
