// From the lines of a run to its conclusions: the median round, what threads bring, ratios against the peer, the table
// of docs/performance.md. Pure: a line is an object as it stands in the output.
import { isTextbook } from "./shapes.mjs";

const round = (value, digits) => Number(value.toFixed(digits));
const keys = ["cell", "bidirectional", "layers", "readout", "hidden", "batch"];
const shapeOf = (line) => Object.fromEntries(keys.map((key) => [key, line[key]]));

/** The smallest value that so many per cent of the values do not exceed, to a thousandth. */
export function percentile(values, per_cent) {
  const sorted = [...values].sort((a, b) => a - b);
  return round(sorted[Math.max(0, Math.ceil((sorted.length * per_cent) / 100) - 1)], 3);
}

/** The line of the median round, whole: its figures belong together. The slower one where two are in the middle. */
export function medianLine(lines) {
  const sorted = [...lines].sort((a, b) => a.median_ms - b.median_ms);
  return sorted[Math.floor(sorted.length / 2)];
}

/** Lines of one kind, a list for each shape, in the order of their first. */
export function byShape(lines, bench) {
  const groups = new Map();
  for (const line of lines.filter((one) => one.bench === bench)) {
    const key = JSON.stringify(shapeOf(line));
    groups.set(key, [...(groups.get(key) ?? []), line]);
  }
  return groups;
}

const fastest = (lines) => lines.reduce((best, line) => (line.images_per_second > best.images_per_second ? line : best));

/** What each shape gains from the least to the most threads, and whether its weights had the same bits at all. */
export function scalings(lines) {
  return [...byShape(lines, "train").values()]
    .filter((group) => group.length > 1)
    .map((group) => {
      const sorted = [...group].sort((a, b) => a.threads - b.threads);
      return {
        bench: "scaling",
        ...shapeOf(group[0]),
        threads: sorted.map((line) => line.threads),
        speedup: sorted.map((line) => round(line.images_per_second / sorted[0].images_per_second, 3)),
        same_bits: group.every((line) => line.weights_sha256 === group[0].weights_sha256),
      };
    });
}

/** Each shape's best thread count against the peer's best. */
export function ratios(lines) {
  const peers = byShape(lines, "peer");
  return [...byShape(lines, "train")]
    .filter(([key]) => peers.has(key))
    .map(([key, group]) => {
      const ours = fastest(group);
      const peer = fastest(peers.get(key));
      return {
        bench: "ratio",
        against: peer.peer,
        ...shapeOf(ours),
        ours_images_per_second: ours.images_per_second,
        ours_threads: ours.threads,
        peer_images_per_second: peer.images_per_second,
        peer_threads: peer.threads,
        ratio: round(ours.images_per_second / peer.images_per_second, 2),
      };
    });
}

/** The last line. Scaling is the textbook LSTM's where it was measured, else the first shape's; null: not measured. */
export function summary(scaled, compared) {
  const one = scaled.find(isTextbook) ?? scaled[0];
  const at = one ? one.threads.indexOf(2) : -1;
  return {
    bench: "summary",
    slowest_ratio: compared.length > 0 ? Math.min(...compared.map((line) => line.ratio)) : null,
    scaling_1_to_2: at > 0 && one.threads[0] === 1 ? one.speedup[at] : null,
    same_bits: scaled.length > 0 ? scaled.every((line) => line.same_bits) : null,
  };
}

/** All lines that are drawn from the measured ones, in the order in which they close the output. */
export function conclusions(lines) {
  const scaled = scalings(lines);
  const compared = ratios(lines);
  return [...scaled, ...compared, summary(scaled, compared)];
}

const name = (line) =>
  `${line.bidirectional ? "Bi" : ""}${line.cell.toUpperCase()}` +
  (line.layers > 1 ? `, ${line.layers} layers` : "") +
  (line.readout === "last" ? "" : `, \`${line.readout}\``);
const row = (cells) => `| ${cells.join(" | ")} |`;
const head = (cells) => [row(cells), `|${"---|".repeat(cells.length)}`];

/** The tables of docs/performance.md as Markdown. */
export function table(lines) {
  const compared = new Map(ratios(lines).map((line) => [JSON.stringify(shapeOf(line)), line]));
  const groups = [...byShape(lines, "train")];
  const threads = [...new Set(groups.flatMap(([, group]) => group.map((line) => line.threads)))].sort((a, b) => a - b);
  const against = [...compared.values()][0]?.against ?? "PyTorch";
  const out = groups.length === 0 ? [] : head([
    "training step", "units", "batch", ...threads.flatMap((n) => [`images/s, ${n} thr.`, `of sgemm, ${n} thr.`]), "same bits",
    `${against}, best`, "ratio",
  ]);
  for (const [key, group] of groups) {
    const at = (n) => group.find((line) => line.threads === n);
    const ratio = compared.get(key);
    const bits = new Set(group.map((line) => line.weights_sha256)).size === 1;
    out.push(row([
      name(group[0]), group[0].hidden, group[0].batch,
      ...threads.flatMap((n) => (at(n) ? [at(n).images_per_second, at(n).of_sgemm.toFixed(2)] : ["", ""])),
      group.length > 1 ? (bits ? "yes" : "**no**") : "",
      ratio ? `${Math.round(ratio.peer_images_per_second)} (${ratio.peer_threads} thr.)` : "", ratio ? ratio.ratio.toFixed(2) : "",
    ]));
  }
  const infer = lines.filter((line) => line.bench === "infer");
  if (infer.length > 0) out.push("", ...head(["forward pass for answers, 1 thread", "units", "batch", "ms", "images/s", "of sgemm"]));
  for (const line of infer)
    out.push(row([name(line), line.hidden, line.batch, line.median_ms.toFixed(3), line.images_per_second, line.of_sgemm.toFixed(2)]));
  const http = lines.filter((line) => line.bench === "http");
  if (http.length > 0) out.push("", ...head(["request", "connections", "a job trains", "p50, ms", "p99, ms", "requests/s"]));
  for (const line of http)
    out.push(row([
      `\`${line.request}\``, line.connections, line.training ? "yes" : "no", line.p50_ms.toFixed(2), line.p99_ms.toFixed(2), line.requests_per_second,
    ]));
  const sse = lines.filter((line) => line.bench === "sse");
  if (sse.length > 0) out.push("", ...head(["watchers of a training job", "events", "behind the first, p50, ms", "p99, ms"]));
  for (const line of sse) out.push(row([line.watchers, line.events, line.p50_ms.toFixed(1), line.p99_ms.toFixed(1)]));
  return out.join("\n").trimStart();
}
