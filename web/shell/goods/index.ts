/** Goods as the handheld reckons them: the same answers as the server's, see tests/vectors/goods. */

export {
  type CartonCode,
  type Found,
  type ScanFlag,
  type Verdict,
  judgeCode,
  readCode,
} from "./cartonCodes.ts";
export { type Amount, UNITS_OF, inTenThousands, measure } from "./units.ts";
