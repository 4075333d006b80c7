// What the handheld answers to the vectors of goods, file by file, as JSON.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { inTenThousands, judgeCode, measure, readCode } from "../../web/shell/goods/index.ts";

const codeOf = (code) =>
  code && [code.yearDigit, code.month, code.day, code.caseSerial, code.carton, code.wholesaler, code.licenceNo];
const verdictOf = ({ found, licenceNo, flag }) => [found, licenceNo, flag];
const amountOf = (amount) => amount && [amount.sticks, amount.grams, amount.millilitres, amount.pieces];

const ANSWERS = {
  carton_codes: ({ own, vectors }) => ({
    vectors: vectors.map(([text]) => [
      text, codeOf(readCode(text)), verdictOf(judgeCode(text, own)), verdictOf(judgeCode(text, null)),
    ]),
  }),
  units: ({ vectors, shown }) => ({
    vectors: vectors.map(([category, quantity, unit]) => [
      category, quantity, unit, amountOf(measure(category, quantity, unit)),
    ]),
    shown: shown.map(([sticks]) => [sticks, inTenThousands(sticks)]),
  }),
};
const folder = process.argv[2];
const answers = readdirSync(folder).map((name) => {
  const kind = name.replace(/\.json$/, "");
  return [kind, ANSWERS[kind](JSON.parse(readFileSync(join(folder, name), "utf8")))];
});
console.log(JSON.stringify(Object.fromEntries(answers)));
