/** What a bureau's policy asks and forgives, version by version, and the days that decide about a period. */

import { type Day, type Instant, type Zone } from "./days.ts";
import { type CadenceTier, TIERS, depthOf } from "./periods.ts";
import { type Workdays } from "./workdays.ts";

/**
 * What one tier forgives, and which shallower tiers its checklist meets besides (`satisfies`). Grace and `dueSoon` count
 * working days, the gap calendar days; a period with fewer than `minWorkdays` working days is waived by rule.
 */
export interface TierPolicy {
  readonly graceWorkingDays: number;
  readonly minGapDays: number;
  readonly dueSoonWorkingDays: number;
  readonly satisfies: readonly CadenceTier[];
  readonly minWorkdays: number;
}

/** The tiers that hold for periods which begin on `effectiveFrom` or later, until a later version begins. */
export interface Version {
  readonly effectiveFrom: Day;
  readonly tiers: Readonly<Partial<Record<CadenceTier, TierPolicy>>>;
}

/**
 * The days that decide about one period, or about what a trigger asks for: `dueFrom` is the first from which no more than `dueSoonWorkingDays` working days
 * remain, and never before the first day; `provisional` says that a year without its notice had a part in them.
 * `checklists` are those that meet it, and what else does.
 */
export interface Window {
  readonly dueFrom: Day;
  readonly graceLastDay: Day;
  readonly waivedByRule: boolean;
  readonly provisional: boolean;
  readonly minGapDays: number;
  readonly checklists: ReadonlySet<string>;
}

/**
 * Every version of the policy, working days and zone, with the windows already worked out. A period is judged by the last
 * version that had begun by its first day, so a new version changes nothing that had begun.
 */
export class Rulebook {
  readonly #versions: readonly Version[];
  readonly #workdays: Workdays;
  readonly #zone: Zone;
  readonly #windows = new Map<string, Window>();

  constructor(versions: Iterable<Version>, workdays: Workdays, zone: Zone) {
    this.#versions = [...versions];
    this.#workdays = workdays;
    this.#zone = zone;
  }

  /** The bureau's own day of a moment. */
  day(instant: Instant): Day {
    return this.#zone.day(instant);
  }

  /** The deciding days of a period of `tier`. Throws RangeError if the tier has no policy then. */
  window(tier: CadenceTier, firstDay: Day, lastDay: Day): Window {
    const key = `${tier} ${firstDay} ${lastDay}`;
    const known = this.#windows.get(key);
    if (known) return known;
    const window = this.#workOut(tier, firstDay, lastDay);
    this.#windows.set(key, window);
    return window;
  }

  #workOut(tier: CadenceTier, firstDay: Day, lastDay: Day): Window {
    const { policy, version } = this.#version(tier, firstDay);
    // One working day more than the limit remains up to this day, so the next day is the first one due.
    const tooEarly = this.#workdays.shift(lastDay + 1, -(policy.dueSoonWorkingDays + 1));
    const graceLastDay = this.#workdays.shift(lastDay, policy.graceWorkingDays);
    const deeper = TIERS.filter(
      (other) => depthOf(other) > depthOf(tier) && version.tiers[other]?.satisfies.includes(tier),
    );
    return {
      dueFrom: Math.max(firstDay, tooEarly + 1),
      graceLastDay,
      waivedByRule: this.#workdays.count(firstDay, lastDay) < policy.minWorkdays,
      provisional: this.#workdays.provisional(firstDay, graceLastDay),
      minGapDays: policy.minGapDays,
      checklists: new Set([tier, ...deeper]),
    };
  }

  /** Of two versions that begin on one day the one listed later replaced the other before it began. */
  #version(tier: CadenceTier, firstDay: Day): { version: Version; policy: TierPolicy } {
    let found: { version: Version; policy: TierPolicy } | undefined;
    for (const version of this.#versions) {
      const policy = version.tiers[tier];
      if (!policy || version.effectiveFrom > firstDay) continue;
      if (!found || version.effectiveFrom >= found.version.effectiveFrom) found = { version, policy };
    }
    if (!found) throw new RangeError(`No version of the policy that had begun has the tier ${tier}.`);
    return found;
  }
}
