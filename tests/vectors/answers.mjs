// What the browser's state function answers to the vectors of a folder, file by file, as JSON.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import * as cadence from "../../web/shell/cadence/index.ts";

const { formatDay, formatInstant, parseDay, parseInstant, periodOf, rulebookOf, statesNow } = cadence;
const workdaysOf = ({ off, make_up, years }) =>
  new cadence.Workdays(off.map(parseDay), make_up.map(parseDay), years);
const tierPolicy = ([graceWorkingDays, minGapDays, dueSoonWorkingDays, satisfies, minWorkdays]) => ({
  graceWorkingDays, minGapDays, dueSoonWorkingDays, satisfies, minWorkdays,
});
const versionOf = ([effectiveFrom, tiers]) => ({
  effectiveFrom: parseDay(effectiveFrom),
  tiers: Object.fromEntries(Object.entries(tiers).map(([tier, row]) => [tier, tierPolicy(row)])),
});
const maybe = (text) => (text === null ? null : parseInstant(text));

const triggerOf = (id, rule, at, known, withdrawn, window) => ({
  id, rule, at: parseInstant(at), knownAt: parseInstant(known), withdrawnAt: maybe(withdrawn),
  window: windowOf(...window),
});
const windowOf = (dueFrom, graceLastDay, waivedByRule, provisional, minGapDays, checklists) => ({
  dueFrom: parseDay(dueFrom), graceLastDay: parseDay(graceLastDay), waivedByRule, provisional, minGapDays,
  checklists: new Set(checklists),
});

function historyOf(given) {
  const rows = (name, build) => (given[name] ?? []).map((row) => build(...row));
  const change = (fromDay, active, knownAt) => ({
    fromDay: parseDay(fromDay), active, knownAt: parseInstant(knownAt),
  });
  return {
    obligations: rows("obligations", (tier, key, first, last, voided, trigger) => ({
      id: key, tier, key, firstDay: parseDay(first), lastDay: parseDay(last), voided,
      trigger: trigger ? triggerOf(...trigger) : null,
    })),
    facts: rows("facts", (recordId, tier, performed, known, valid, makesUp) => ({
      recordId, tier, performedAt: parseInstant(performed), knownAt: parseInstant(known), valid, makesUp,
    })),
    attempts: rows("attempts", (recordId, at, known) => ({
      recordId, at: parseInstant(at), knownAt: parseInstant(known),
    })),
    waivers: rows("waivers", (obligationId, known, revoked) => ({
      obligationId, knownAt: parseInstant(known), revokedAt: maybe(revoked),
    })),
    changes: rows("changes", change),
    scopes: rows("scopes", change),
    placements: rows("placements", (fromDay, cellId, known) => ({
      fromDay: parseDay(fromDay), cellId, knownAt: parseInstant(known),
    })),
  };
}

function judged(given, workdays, shared = given) {
  const rulebook = new cadence.Rulebook(shared.versions.map(versionOf), workdays, new cadence.Zone(shared.zone));
  const found = cadence.judge(historyOf(given.history), rulebook, parseInstant(given.as_of));
  const counts = cadence.tally(found.map((one) => one.state));
  return {
    gives: found.map((one) => [
      one.obligation.key, one.state, one.metBy, one.madeUpBy,
      one.performedAt === null ? null : formatInstant(one.performedAt),
      one.daysLate, one.attempts, one.provisional, one.cellId,
    ]),
    tally: [
      counts.obligations, counts.waived, counts.due, counts.onTime,
      counts.late, counts.missed, counts.pending, counts.madeUp,
    ],
  };
}

function calendar({ workdays, zone, versions, periods, shifts, counts }) {
  const days = workdaysOf(workdays);
  const rulebook = new cadence.Rulebook(versions.map(versionOf), days, new cadence.Zone(zone));
  return {
    periods: periods.map(([tier, , first]) => {
      const period = periodOf(tier, parseDay(first));
      const window = rulebook.window(tier, period.firstDay, period.lastDay);
      return [
        tier, period.key, formatDay(period.firstDay), formatDay(period.lastDay), formatDay(window.dueFrom),
        formatDay(window.graceLastDay), window.waivedByRule, window.provisional,
        cadence.reportedIn(period, "QUARTERLY").key,
      ];
    }),
    shifts: shifts.map(([day, n]) => [day, n, formatDay(days.shift(parseDay(day), n))]),
    counts: counts.map(([first, last]) => [first, last, days.count(parseDay(first), parseDay(last))]),
  };
}

// The table of the vectors is written year by year, as devices pull it.
function yearsOf({ off, make_up, years }) {
  const of = (days, year) => days.filter((day) => day.startsWith(`${year}-`));
  return years.map((year) => ({ kind: "workdays", year, off: of(off, year), make_up: of(make_up, year) }));
}

function onTheHandheld(given, workdays) {
  const reference = [{ kind: "form" }, ...given.reference, ...yearsOf(workdays)];
  const rulebook = rulebookOf(reference, new cadence.Zone(given.zone));
  const found = statesNow(given, rulebook, parseInstant(given.now));
  return found.map((one) => [one.obligation.key, one.state, one.metBy]);
}

const ANSWERS = {
  calendar,
  examples: (file) => file.vectors.map((given) => judged(given, workdaysOf(file.workdays), file)),
  histories: (file) => file.vectors.map((given) => judged(given, workdaysOf(file.workdays))),
  handheld: (file) => file.vectors.map((given) => onTheHandheld(given, file.workdays)),
  percents: (file) => file.vectors.map(([n, d]) => [n, d, cadence.percent(n, d)]),
};
const folder = process.argv[2];
const answers = readdirSync(folder).map((name) => {
  const kind = name.replace(/\.json$/, "");
  return [kind, ANSWERS[kind](JSON.parse(readFileSync(join(folder, name), "utf8")))];
});
console.log(JSON.stringify(Object.fromEntries(answers)));
