/** The bureau's cadence as the browser computes it: the same answers as the server's, see tests/vectors/cadence. */

export { type Day, type Instant, Zone, formatDay, formatInstant, parseDay, parseInstant } from "./days.ts";
export { type CadenceTier, type Period, TIERS, periodOf, periodsBetween, reportedIn } from "./periods.ts";
export { Workdays } from "./workdays.ts";
export { Rulebook, type TierPolicy, type Version, type Window } from "./rulebook.ts";
export { type Judgement, type LastMet, type ObligationState, judge } from "./rules.ts";
export { type Tally, percent, ratesOf, tally } from "./tally.ts";
export {
  type ObligationDocument,
  type OutletDocument,
  type PolicyDocument,
  type StateNow,
  type Subject,
  type UnsyncedRecord,
  type WorkdaysDocument,
  rulebookOf,
  statesNow,
} from "./handheld.ts";
