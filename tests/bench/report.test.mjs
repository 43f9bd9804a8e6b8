// The arithmetic of script/bench: what is measured, and what is concluded from lines. No clock and no process.
import test from "node:test";
import assert from "node:assert/strict";
import { conclusions, medianLine, percentile, ratios, scalings, summary, table } from "./report.mjs";
import { UsageError, full, parse, quick, toArguments } from "./shapes.mjs";

const lstm = { cell: "lstm", bidirectional: false, layers: 1, readout: "last", hidden: 128, batch: 128 };
const train = (threads, images_per_second, more = {}) => ({
  bench: "train", ...lstm, threads, images_per_second, median_ms: 128e3 / images_per_second, of_sgemm: 0.8, weights_sha256: "aa", ...more,
});
const peer = (threads, images_per_second, more = {}) => ({ bench: "peer", peer: "pytorch 9", ...lstm, threads, images_per_second, ...more });

test("a line is that of the median round, whole", () => {
  const lines = [{ median_ms: 9, of_sgemm: 0.1 }, { median_ms: 7, of_sgemm: 0.3 }, { median_ms: 8, of_sgemm: 0.2 }];
  assert.deepEqual(medianLine(lines), { median_ms: 8, of_sgemm: 0.2 });
  assert.equal(lines[0].median_ms, 9, "the rounds stay in their order");
  assert.deepEqual(medianLine([{ median_ms: 5 }, { median_ms: 4 }]), { median_ms: 5 }, "of two the slower one");
  assert.deepEqual(medianLine([{ median_ms: 100 }, { median_ms: 20 }, { median_ms: 3 }]), { median_ms: 20 }, "numbers, not texts");
});

test("a percentile is a value that was seen", () => {
  const values = Array.from({ length: 200 }, (_, i) => 200 - i);
  assert.deepEqual([50, 99, 100].map((p) => percentile(values, p)), [100, 198, 200]);
  assert.deepEqual([percentile([3], 50), percentile([3], 99), percentile([0.12345, 100, 9], 0)], [3, 3, 0.123]);
});

test("a ratio is our best thread count over the peer's best", () => {
  const [line, ...others] = ratios([train(1, 5000), train(2, 9000), peer(1, 3000), peer(2, 2500)]);
  assert.deepEqual(others, []);
  assert.deepEqual(line, {
    bench: "ratio", against: "pytorch 9", ...lstm, ours_images_per_second: 9000, ours_threads: 2,
    peer_images_per_second: 3000, peer_threads: 1, ratio: 3,
  });
});

test("shapes are told apart by every key, and one without a peer has no ratio", () => {
  const changes = [{ cell: "gru" }, { bidirectional: true }, { layers: 2 }, { readout: "final" }, { hidden: 64 }, { batch: 32 }];
  const lines = [train(1, 1000), ...changes.map((change) => train(1, 2000, change)), peer(1, 500)];
  assert.deepEqual(ratios(lines).map((line) => line.ratio), [2]);
  assert.equal(ratios([...lines, ...changes.map((change) => peer(1, 500, change))]).length, 7);
});

test("scaling is told from one thread on, and bits that differ are seen", () => {
  const [line] = scalings([train(2, 9300), train(1, 5000), train(4, 15000)]);
  assert.deepEqual(line.threads, [1, 2, 4]);
  assert.deepEqual(line.speedup, [1, 1.86, 3]);
  assert.equal(line.same_bits, true);
  assert.equal(scalings([train(1, 5000), train(2, 9000, { weights_sha256: "ab" })])[0].same_bits, false);
  assert.deepEqual(scalings([train(1, 5000)]), [], "one thread count says nothing");
});

test("the summary has the slowest ratio and the textbook LSTM's scaling", () => {
  const gru = { cell: "gru" };
  const lines = [train(1, 1000, gru), train(2, 1500, gru), train(1, 5000), train(2, 9500), peer(1, 1000, gru), peer(1, 2000)];
  const closing = conclusions(lines);
  assert.deepEqual(closing.map((line) => line.bench), ["scaling", "scaling", "ratio", "ratio", "summary"]);
  assert.deepEqual(closing.at(-1), { bench: "summary", slowest_ratio: 1.5, scaling_1_to_2: 1.9, same_bits: true });
  assert.deepEqual(summary(scalings(lines.slice(0, 2)), []), { bench: "summary", slowest_ratio: null, scaling_1_to_2: 1.5, same_bits: true });
  assert.deepEqual(summary([], []), { bench: "summary", slowest_ratio: null, scaling_1_to_2: null, same_bits: null });
  assert.equal(summary(scalings([train(2, 2), train(4, 3)]), []).scaling_1_to_2, null, "from one thread or not at all");
});

test("the table has a row for each shape, with and without a peer", () => {
  const lines = [train(1, 5000), train(2, 9000), peer(1, 3000), train(1, 70, { cell: "gru", bidirectional: true, layers: 2, readout: "final" }),
    { bench: "infer", ...lstm, batch: 1, threads: 1, median_ms: 0.1234, images_per_second: 8000, of_sgemm: 0.4 },
    { bench: "http", request: "GET /healthz", connections: 1, training: true, requests: 9, p50_ms: 0.1, p99_ms: 2, requests_per_second: 7000 },
    { bench: "sse", watchers: 300, events: 10, p50_ms: 1.25, p99_ms: 9 }];
  assert.deepEqual(table([...lines, ...conclusions(lines)]).split("\n"), [
    "| training step | units | batch | images/s, 1 thr. | of sgemm, 1 thr. | images/s, 2 thr. | of sgemm, 2 thr. | same bits | pytorch 9, best | ratio |",
    "|---|---|---|---|---|---|---|---|---|---|",
    "| LSTM | 128 | 128 | 5000 | 0.80 | 9000 | 0.80 | yes | 3000 (1 thr.) | 3.00 |",
    "| BiGRU, 2 layers, `final` | 128 | 128 | 70 | 0.80 |  |  |  |  |  |",
    "",
    "| forward pass for answers, 1 thread | units | batch | ms | images/s | of sgemm |",
    "|---|---|---|---|---|---|",
    "| LSTM | 128 | 1 | 0.123 | 8000 | 0.40 |",
    "",
    "| request | connections | a job trains | p50, ms | p99, ms | requests/s |",
    "|---|---|---|---|---|---|",
    "| `GET /healthz` | 1 | yes | 0.10 | 2.00 | 7000 |",
    "",
    "| watchers of a training job | events | behind the first, p50, ms | p99, ms |",
    "|---|---|---|---|",
    "| 300 | 10 | 1.3 | 9.0 |",
  ]);
});

test("the command line chooses shapes, threads and times", () => {
  assert.deepEqual(parse([], 2).shapes, full);
  assert.deepEqual(parse([], 2).threads, [1, 2]);
  assert.deepEqual(parse([], 8).threads, [1, 2, 8]);
  assert.deepEqual(parse(["--quick"], 8).threads, [1, 2]);
  assert.deepEqual(parse(["--quick"]).shapes, quick);
  const one = parse(["--cell", "gru", "--hidden", "64", "--threads", "2", "--threads", "3", "--seconds", "0.5"]);
  assert.deepEqual(one.shapes, [{ ...lstm, cell: "gru", hidden: 64 }]);
  assert.deepEqual([one.threads, one.seconds], [[2, 3], 0.5]);
  assert.deepEqual(parse(["--bidirectional"]).shapes, [{ ...lstm, bidirectional: true }]);
  assert.deepEqual([parse(["--table"]).file, parse(["--table", "lines"]).file, parse(["--table", "--quick"]).quick], [null, "lines", true]);
  assert.deepEqual([[], ["--quick"], ["--cell", "gru"], ["--http"]].map((words) => parse(words).http), [true, false, false, true]);
  assert.deepEqual([parse(["--http"]).shapes, parse(["--http"]).infer], [[], []]);
  for (const bad of [["--cell", "gnu"], ["--hidden", "0"], ["--hidden"], ["--layers", "1.5"], ["--seconds", "x"], ["--wide"], ["quick"], ["--usage"]])
    assert.throws(() => parse(bad), UsageError, bad.join(" "));
});

test("the set has every shape once, and each cell in both directions", () => {
  assert.equal(new Set(full.map((shape) => JSON.stringify(shape))).size, full.length);
  for (const cell of ["lstm", "gru", "rnn"])
    assert.deepEqual(new Set(full.filter((shape) => shape.cell === cell).map((shape) => shape.bidirectional)), new Set([false, true]));
  for (const [key, values] of [["hidden", [32, 64, 128, 256, 512]], ["batch", [32, 128, 512, 1024]], ["layers", [1, 2, 4]]])
    assert.deepEqual([...new Set(full.filter((shape) => shape.cell === "lstm").map((shape) => shape[key]))].sort((a, b) => a - b), values);
});

test("the programs are told a shape by their own options", () => {
  assert.deepEqual(toArguments({ cell: "rnn", bidirectional: true, hidden: 8, seconds: 0.5 }),
    ["--cell", "rnn", "--hidden", "8", "--seconds", "0.5", "--bidirectional"]);
  assert.deepEqual(toArguments({ bidirectional: false, layers: 2 }), ["--layers", "2"]);
});
