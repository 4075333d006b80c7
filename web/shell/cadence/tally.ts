/** Counting judgements: what was owed, waived, done in time, late and missed, and the rates of them. */

import { type ObligationState } from "./rules.ts";

/**
 * Counts of obligations that have begun: `obligations` (O) without the void, `waived` (E), `onTime` (T), `late` (L),
 * `missed` (M, the made-up ones included), `pending` (P: open, attempted or due). `due` is D = O - E = T + L + M + P.
 */
export interface Tally {
  readonly obligations: number;
  readonly waived: number;
  readonly due: number;
  readonly onTime: number;
  readonly late: number;
  readonly missed: number;
  readonly pending: number;
  readonly madeUp: number;
}

/** The counts of these states; upcoming and void obligations are in none of them. */
export function tally(states: Iterable<ObligationState>): Tally {
  const counted = new Map<ObligationState, number>();
  for (const state of states) counted.set(state, (counted.get(state) ?? 0) + 1);
  const count = (...some: ObligationState[]) => some.reduce((sum, state) => sum + (counted.get(state) ?? 0), 0);
  const waived = count("waived");
  const onTime = count("met");
  const late = count("met_late");
  const missed = count("missed", "made_up");
  const pending = count("open", "attempted", "due");
  const due = onTime + late + missed + pending;
  return { obligations: waived + due, waived, due, onTime, late, missed, pending, madeUp: count("made_up") };
}

/** 按期检查率 T/D, 至今 T/(D - P), 完成率 (T + L)/D and the share waived E/O, in percent; null is printed "—". */
export function ratesOf(counts: Tally): Record<"onTime" | "onTimeToDate" | "completion" | "waived", string | null> {
  return {
    onTime: percent(counts.onTime, counts.due),
    onTimeToDate: percent(counts.onTime, counts.due - counts.pending),
    completion: percent(counts.onTime + counts.late, counts.due),
    waived: percent(counts.waived, counts.obligations),
  };
}

/** `n` in `d` as a percentage with two decimals, half up, counted in whole numbers: "93.07"; null if `d` is 0. */
export function percent(n: number, d: number): string | null {
  if (n < 0 || d < 0) throw new RangeError("A percentage is made of counts, and a count is never negative.");
  if (d === 0) return null;
  const hundredths = Math.floor((2 * 10_000 * n + d) / (2 * d));
  return `${Math.floor(hundredths / 100)}.${String(hundredths % 100).padStart(2, "0")}`;
}
