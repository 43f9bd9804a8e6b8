// Measures what script/bench asks for (docs/performance.md): ours and PyTorch in turn, shape by shape, so that a
// neighbour on the machine disturbs both. Prints a line as soon as its shape is done, the conclusions at the end.
import { execFile, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { measureHttp } from "./http.mjs";
import { conclusions, medianLine, table } from "./report.mjs";
import { UsageError, parse, toArguments, usage } from "./shapes.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const programs = path.resolve(here, "../../build/release/bench");
const run = promisify(execFile);

/** One line of a program of ours. */
async function ours(program, shape, threads, seconds) {
  const { stdout } = await run(path.join(programs, program), toArguments({ ...shape, threads, seconds }));
  return JSON.parse(stdout);
}

/** The peer as a function from a shape to its line; null where there is no PyTorch. */
async function startPeer() {
  const child = spawn("/usr/bin/python3", [path.join(here, "peer_pytorch.py")], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, OMP_WAIT_POLICY: "passive" },
  });
  const absent = new Promise((resolve) => child.on("error", () => resolve({ done: true })));
  child.stdin.on("error", () => {}); // a peer that died is told by the end of its lines
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const first = await Promise.race([lines.next(), absent]);
  if (first.done) return null;
  const measure = async (shape, threads, seconds) => {
    child.stdin.write(`${JSON.stringify({ ...shape, threads, seconds })}\n`);
    const answer = await lines.next();
    if (answer.done) throw new Error("PyTorch ended in the middle of a measurement");
    return { bench: "peer", ...JSON.parse(first.value), ...shape, threads, ...JSON.parse(answer.value) };
  };
  return { measure, end: () => child.stdin.end() };
}

/** All rounds of one shape: ours, peer, ours, peer, ...; gives the median line of each. */
async function measureShape(shape, plan, peer) {
  const slots = plan.threads.flatMap((threads) => [
    { take: () => ours("bench_train", shape, threads, plan.seconds), lines: [] },
    ...(peer ? [{ take: () => peer.measure(shape, threads, plan.seconds), lines: [] }] : []),
  ]);
  for (let round = 0; round < plan.rounds; round++)
    for (const slot of slots) slot.lines.push(await slot.take());
  return slots.map((slot) => medianLine(slot.lines)).sort((a, b) => (a.bench === b.bench ? 0 : a.bench === "train" ? -1 : 1));
}

async function measureAll(plan, print) {
  const lines = [];
  const add = (line) => {
    lines.push(line);
    print(line);
  };
  const peer = plan.shapes.length > 0 ? await startPeer() : null;
  if (!peer && plan.shapes.length > 0) console.error("script/bench: /usr/bin/python3 has no PyTorch (Debian: python3-torch), so nothing is compared with it");
  for (const shape of plan.shapes) (await measureShape(shape, plan, peer)).forEach(add);
  peer?.end();
  for (const batch of plan.infer) {
    const shape = { ...plan.shapes[0], batch };
    add(await ours("bench_infer", shape, 1, plan.seconds));
  }
  if (plan.augment)
    for (const line of (await run(path.join(programs, "bench_augment"), [])).stdout.trim().split("\n")) add(JSON.parse(line));
  if (plan.http) for await (const line of measureHttp(plan.seconds)) add(line);
  const closing = conclusions(lines);
  closing.forEach(print);
  if (closing.at(-1).same_bits === false) console.error("script/bench: the weights differ between thread counts");
  return lines;
}

function readLines(file) {
  const text = readFileSync(file, "utf8");
  return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

try {
  const plan = parse(process.argv.slice(2));
  const print = plan.table ? () => {} : (line) => console.log(JSON.stringify(line));
  const lines = plan.file === null ? await measureAll(plan, print) : readLines(plan.file);
  if (plan.table) console.log(table(lines));
} catch (error) {
  console.error(`script/bench: ${error.message}`);
  if (error instanceof UsageError) console.error(usage);
  process.exit(error instanceof UsageError ? 2 : 1);
}
