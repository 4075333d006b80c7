/** Working days as the State Council's yearly holiday notices make them. */

import { type Day, partsOf, weekdayOf } from "./days.ts";

const SATURDAY = 5;

/**
 * The days unlike Monday to Friday, `off` (放假) and `makeUp` (调休上班), and the `years` whose notice is known.
 *
 * In any other year Monday to Friday is used and the answer is provisional; single days given for such a year are not
 * used, because a year known in part would look firm without being so.
 */
export class Workdays {
  readonly #off: ReadonlySet<Day>;
  readonly #makeUp: ReadonlySet<Day>;
  readonly #years: ReadonlySet<number>;

  /** Throws RangeError if one day is both off and worked. */
  constructor(off: Iterable<Day>, makeUp: Iterable<Day>, years: Iterable<number>) {
    this.#off = new Set(off);
    this.#makeUp = new Set(makeUp);
    this.#years = new Set(years);
    for (const day of this.#off) {
      if (this.#makeUp.has(day)) throw new RangeError("A day cannot be off and a make-up working day at once.");
    }
  }

  /** Whether people work on `day`, as the notice of its year says, or provisionally Monday to Friday. */
  isWorkday(day: Day): boolean {
    const weekday = weekdayOf(day) < SATURDAY;
    if (!this.#years.has(partsOf(day).year)) return weekday;
    return weekday ? !this.#off.has(day) : this.#makeUp.has(day);
  }

  /** The number of working days from `first` to `last`, both included; 0 if `last` is earlier. */
  count(first: Day, last: Day): number {
    let found = 0;
    for (let day = first; day <= last; day++) if (this.isWorkday(day)) found++;
    return found;
  }

  /** The `n`-th working day after `day`, or before it if `n` is negative; `day` itself, which never counts, if 0. */
  shift(day: Day, n: number): Day {
    const step = n > 0 ? 1 : -1;
    for (let left = Math.abs(n); left > 0; ) {
      day += step;
      if (this.isWorkday(day)) left--;
    }
    return day;
  }

  /** Whether a year whose notice is not known lies between `first` and `last`, both included. */
  provisional(first: Day, last: Day): boolean {
    for (let { year } = partsOf(first); year <= partsOf(last).year; year++) {
      if (!this.#years.has(year)) return true;
    }
    return false;
  }
}
