// What goods come to in base units: the twin of server/records/units.py. Whole numbers only; every product stays
// below 2^53, so that nothing is rounded.

export interface Amount {
  readonly sticks: number;
  readonly grams: number;
  readonly millilitres: number;
  readonly pieces: number;
}

const IN_STICKS: Readonly<Record<string, number>> = {
  stick: 1,
  pack: 20,
  carton: 200,
  case_unit: 10_000,
  chest: 50_000,
};
const IN_GRAMS: Readonly<Record<string, number>> = { gram: 1, kilogram: 1_000, dan: 50_000, tonne: 1_000_000 };
const BY_COUNT: readonly string[] = ["piece", "stick"];

/** The units that a category may be counted in, the smallest first. */
export const UNITS_OF: Readonly<Record<string, readonly string[]>> = {
  cigarette: Object.keys(IN_STICKS),
  cigar: ["stick"],
  cut_tobacco: Object.keys(IN_GRAMS),
  leaf: Object.keys(IN_GRAMS),
  ecig_pod: BY_COUNT,
  disposable_ecig: BY_COUNT,
  ecig_device: ["piece", "box"],
  e_liquid: ["millilitre"],
  empty_tube: ["stick"],
  machine: ["unit", "set"],
  tool: ["piece", "unit", "set"],
  vehicle: ["unit"],
  phone: ["handset"],
};

/** A quantity in the base unit of its category; null where the category is not counted in the unit. */
export function measure(category: string, quantity: number, unit: string): Amount | null {
  if (!(UNITS_OF[category] ?? []).includes(unit)) return null;
  const amount = { sticks: 0, grams: 0, millilitres: 0, pieces: 0 };
  if (category === "cigarette") return { ...amount, sticks: quantity * (IN_STICKS[unit] ?? 0) };
  const grams = IN_GRAMS[unit];
  if (grams !== undefined) return { ...amount, grams: quantity * grams };
  return unit === "millilitre" ? { ...amount, millilitres: quantity } : { ...amount, pieces: quantity };
}

/** Sticks as 万支 or cases (件), two decimals, half away from zero, without leaving whole numbers. */
export function inTenThousands(sticks: number): string {
  const hundredths = (BigInt(sticks) * 2n + 100n) / 200n;
  return `${hundredths / 100n}.${String(hundredths % 100n).padStart(2, "0")}`;
}
