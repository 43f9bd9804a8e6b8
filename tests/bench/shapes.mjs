// What script/bench measures, and what its command line means. Pure: no processes, no files.
import { availableParallelism } from "node:os";

export const usage = `usage: script/bench [--quick] [--http] [--rounds N] [--seconds S] [--threads N]... [--table [FILE]]
                    [--cell lstm|gru|rnn] [--bidirectional] [--layers N] [--readout last|final|mean|max]
                    [--hidden N] [--batch N]`;

export class UsageError extends Error {}

const textbook = { cell: "lstm", bidirectional: false, layers: 1, readout: "last", hidden: 128, batch: 128 };
const shape = (changes) => ({ ...textbook, ...changes });
const cells = ["lstm", "gru", "rnn"];

/** The textbook's two: what --quick measures. */
export const quick = [shape({}), shape({ bidirectional: true })];

/** One thing is varied at a time: a whole product of all of them would take hours. */
export const full = [
  ...cells.flatMap((cell) => [shape({ cell }), shape({ cell, bidirectional: true })]),
  shape({ bidirectional: true, readout: "final" }),
  ...cells.map((cell) => shape({ cell, layers: 2 })),
  shape({ layers: 4 }),
  shape({ layers: 2, bidirectional: true }),
  ...[32, 64, 256, 512].map((hidden) => shape({ hidden })),
  ...["gru", "rnn"].flatMap((cell) => [32, 512].map((hidden) => shape({ cell, hidden }))),
  ...[32, 512, 1024].map((batch) => shape({ batch })),
  ...["gru", "rnn"].map((cell) => shape({ cell, batch: 32 })),
];

export const isTextbook = (line) => Object.entries(textbook).every(([key, value]) => line[key] === value);

/** The options of the programs: each shape's keys, as they take them. */
export function toArguments({ bidirectional, ...values }) {
  const pairs = Object.entries(values).flatMap(([key, value]) => [`--${key}`, String(value)]);
  return bidirectional ? [...pairs, "--bidirectional"] : pairs;
}

const number = (text, whole) => {
  const value = Number(text);
  return value > 0 && (!whole || Number.isInteger(value)) ? value : undefined;
};
const readers = {
  cell: (text) => (cells.includes(text) ? text : undefined),
  readout: (text) => (["last", "final", "mean", "max"].includes(text) ? text : undefined),
  layers: (text) => number(text, true),
  hidden: (text) => number(text, true),
  batch: (text) => number(text, true),
  threads: (text) => number(text, true),
  rounds: (text) => number(text, true),
  seconds: (text) => number(text, false),
};

/** Reads a command line; throws a UsageError. A shape's option turns the table into that one shape. */
export function parse(words, cores = availableParallelism()) {
  const plan = { shapes: full, threads: [], rounds: 3, seconds: undefined, infer: [1, 8, 64], augment: true, http: true, table: false, file: null };
  const changes = {};
  for (let i = 0; i < words.length; i++) {
    const name = words[i].replace(/^--/, "");
    if (words[i] === "--quick") Object.assign(plan, { shapes: quick, infer: [1], augment: false, http: false, seconds: 0.4, quick: true });
    else if (words[i] === "--http") Object.assign(plan, { shapes: [], infer: [], augment: false });
    else if (words[i] === "--bidirectional") changes.bidirectional = true;
    else if (words[i] === "--table") {
      plan.table = true;
      if (words[i + 1] !== undefined && !words[i + 1].startsWith("--")) plan.file = words[++i];
    } else if (words[i].startsWith("--") && Object.hasOwn(readers, name)) {
      const value = readers[name](words[++i] ?? "");
      if (value === undefined) throw new UsageError(`${words[i - 1]} cannot be ${words[i] ?? "left empty"}`);
      if (name === "threads") plan.threads.push(value);
      else if (name === "rounds" || name === "seconds") plan[name] = value;
      else changes[name] = value;
    } else throw new UsageError(`${words[i]} is not understood`);
  }
  if (Object.keys(changes).length > 0) Object.assign(plan, { shapes: [shape(changes)], infer: [1], augment: false, http: false });
  if (plan.threads.length === 0) plan.threads = plan.quick || cores <= 2 ? [1, 2] : [1, 2, cores];
  plan.seconds ??= 0.8;
  return plan;
}
