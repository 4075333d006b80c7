// The 32 characters printed on a carton of cigarettes, read without a network: the twin of server/records/carton_codes.py,
// where the rule and its source stand. tests/vectors/goods holds both to one answer.

export interface CartonCode {
  readonly yearDigit: number | null;
  readonly month: number | null;
  readonly day: number | null;
  readonly caseSerial: string | null;
  readonly carton: number | null;
  readonly wholesaler: string | null;
  readonly licenceNo: string;
}

export type Found = "own" | "other" | "unreadable" | "malformed";
/** 非渠道: sold by the wholesaler of another prefecture; 串码: to another shop of the same one. */
export type ScanFlag = "off_channel" | "diverted";

export interface Verdict {
  readonly found: Found;
  readonly licenceNo: string | null;
  readonly flag: ScanFlag | null;
}

const LOCAL_DIGITS = 4;
const CARTONS_PER_CASE = 50;
const UNREADABLE = /[?？*＊□]/u;
// What Python takes for a blank, spelled out: \s differs between the two in a few control characters.
const BLANKS = /[\t\n\v\f\r\u001c-\u001f \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\-.·/|]+/gu;
const FIRST_ROW = /^[0-9]{16}$/u;
const SECOND_ROW = /^[A-Z]{4}[0-9]{12}$/u;
const LICENCE = /^[0-9]{12}$/u;
const DAYS: readonly number[] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** A code as it was typed: 32 characters, the second row of 16, or the last 12 digits; null where it is none. */
export function readCode(text: string): CartonCode | null {
  const plain = text.normalize("NFKC").replace(BLANKS, "").toUpperCase();
  const nothing = { yearDigit: null, month: null, day: null, caseSerial: null, carton: null };
  if (LICENCE.test(plain)) return { ...nothing, wholesaler: null, licenceNo: plain };
  const start = Math.max(plain.length - 16, 0);
  const first = plain.slice(0, start);
  const second = plain.slice(start);
  if (!SECOND_ROW.test(second)) return null;
  const named = { wholesaler: second.slice(0, 4), licenceNo: second.slice(4) };
  if (first === "") return { ...nothing, ...named };
  if (!FIRST_ROW.test(first)) return null;
  const month = Number(first.slice(1, 3));
  const day = Number(first.slice(3, 5));
  const carton = Number(first.slice(14));
  const inMonth = DAYS[month - 1] ?? 0;
  if (day < 1 || day > inMonth || carton < 1 || carton > CARTONS_PER_CASE) return null;
  return { yearDigit: Number(first[0]), month, day, caseSerial: first.slice(5, 14), carton, ...named };
}

/** Whose a code is, at the shop with this licence; null for a vehicle or a seller without one. */
export function judgeCode(text: string, ownLicenceNo: string | null): Verdict {
  if (UNREADABLE.test(text)) return { found: "unreadable", licenceNo: null, flag: null };
  const code = readCode(text);
  if (code === null) return { found: "malformed", licenceNo: null, flag: null };
  const { licenceNo } = code;
  if (licenceNo === ownLicenceNo) return { found: "own", licenceNo, flag: null };
  if (ownLicenceNo === null) return { found: "other", licenceNo, flag: null };
  const near = licenceNo.slice(0, LOCAL_DIGITS) === ownLicenceNo.slice(0, LOCAL_DIGITS);
  return { found: "other", licenceNo, flag: near ? "diverted" : "off_channel" };
}
