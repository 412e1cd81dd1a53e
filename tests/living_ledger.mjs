// Keeps books with the ledger of a living report and prints what it says, for the tests:
// node living_ledger.mjs LEDGER.js ASKED.json, where the second holds {data, settings, points}.
import { readFileSync } from "node:fs";
import vm from "node:vm";

vm.runInThisContext(readFileSync(process.argv[2], "utf8"), { filename: process.argv[2] });
const ledger = globalThis.QuintileLedger;
const asked = JSON.parse(readFileSync(process.argv[3], "utf8"));
const known = await ledger.unpack(asked.data);
const bare = (numbers) => Array.from(numbers, (each) => (Number.isFinite(each) ? each : null));

function answer(moved) {
  const setting = { ...known.own, ...moved };
  try {
    const decided = ledger.decide(known, setting);
    const books = ledger.keepBooks(known, setting, decided);
    const path = ledger.pathOf(known, setting, books);
    const { law, drawdowns, ...figures } = ledger.figuresOf(known, path);
    return {
      start: books.start, stop: books.stop, equity: bare(books.equity), cost: bare(books.cost), rows: path.rows, figures,
      ratio: law.ratio, standing: ledger.standing(law, known.header.sharpes.map((each) => each ?? NaN), known.header.year),
    };
  } catch (error) {
    if (!(error instanceof ledger.Refused)) throw error;
    return { refused: error.message };
  }
}

const begun = performance.now();
const answers = asked.settings.map(answer);
const milliseconds = (performance.now() - begun) / Math.max(answers.length, 1);
const normal = (asked.points || []).map(ledger.normal), quantile = (asked.shares || []).map(ledger.quantile);
console.log(JSON.stringify({ own: known.own, answers, milliseconds, normal, quantile }));
