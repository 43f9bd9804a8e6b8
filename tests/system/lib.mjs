// Starts the real daemon on a free port with a state directory of its own, and speaks HTTP to it: by fetch, by raw
// sockets where fetch is too well-behaved, and as a reader of server-sent events. Nothing but node 18.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { deflateSync } from "node:zlib";

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
export const bin = process.env.UR_BIN_DIR ?? path.join(root, "build/release/bin");

export const temporary = () => mkdtempSync(path.join(tmpdir(), "unroll-system-"));
export const remove = (folder) => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks again until the answer is true; the time only says when to give up. */
export async function until(what, ask, timeoutMs = 60000) {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`it never came: ${what}`);
    await sleep(25);
  }
}

/** True while a process lives (a zombie does not). */
export function lives(pid) {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** Starts unrolld, behind another program where `wrap` names one; `stop` ends it and removes what this made. */
export async function startDaemon({ state, args = [], env = {}, wrap = [] } = {}) {
  const folder = state ?? temporary();
  const [program, ...rest] = [...wrap, path.join(bin, "unrolld"), "--listen", "127.0.0.1:0", "--state-dir", folder, ...args];
  const child = spawn(
    program,
    rest,
    { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, UNROLL_DATASETS: "", ...env } },
  );
  let out = "";
  let log = "";
  child.stdout.on("data", (bytes) => (out += bytes));
  child.stderr.on("data", (bytes) => (log += bytes));
  const ended = new Promise((resolve) =>
    child.on("close", (code, signal) => resolve({ code, signal, out, log })),
  );
  const port = await new Promise((resolve, reject) => {
    child.stdout.on("data", () => {
      const line = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(out);
      if (line) resolve(Number(line[1]));
    });
    ended.then((end) => {
      if (!state) remove(folder);
      reject(new Error(`unrolld ended at once: ${JSON.stringify(end)}`));
    });
  });
  const daemon = {
    child,
    port,
    state: folder,
    ended,
    url: `http://127.0.0.1:${port}`,
    log: () => log,
    /** Ends it with a signal and keeps the state directory. */
    async end(signal = "SIGTERM") {
      child.kill(signal);
      return ended;
    },
    async stop() {
      const end = await this.end();
      if (!state) remove(folder);
      return end;
    },
  };
  daemon.api = (method, target, body, headers = {}) => api(daemon.url, method, target, body, headers);
  return daemon;
}

/** One request; the body of the answer is parsed where it is JSON. */
export async function api(url, method, target, body, headers = {}) {
  const json = body !== undefined && !(body instanceof Uint8Array) && typeof body !== "string";
  const reply = await fetch(url + target, {
    method,
    body: json ? JSON.stringify(body) : body,
    headers: { ...(json ? { "content-type": "application/json" } : {}), ...headers },
    redirect: "manual",
  });
  const text = await reply.text();
  const type = reply.headers.get("content-type") ?? "";
  return {
    status: reply.status,
    headers: reply.headers,
    text,
    body: /json/.test(type) && text !== "" ? JSON.parse(text) : null,
  };
}

/**
 * Writes bytes to a new connection and reads until the other side ends it, or, where it is kept, until `count`
 * answers with a Content-Length have come. `bodiless`: the answers are HEAD's.
 */
export function raw(port, bytes, { count = 1, bodiless = false, timeoutMs = 15000 } = {}) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, "127.0.0.1");
    let text = "";
    let closed = false;
    const timer = setTimeout(() => socket.destroy(new Error(`no end after ${timeoutMs} ms: ${text}`)), timeoutMs);
    const done = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text, closed, replies: splitReplies(text, bodiless) });
    };
    socket.on("connect", () => (typeof bytes === "function" ? bytes(socket) : socket.write(bytes)));
    socket.on("data", (data) => {
      text += data.toString("latin1");
      const replies = splitReplies(text, bodiless);
      const complete = replies.filter((reply) => reply.complete);
      if (complete.length >= count && !/^connection: close/im.test(complete.at(-1).head)) done();
    });
    socket.on("end", () => {
      closed = true;
      done();
    });
    socket.on("error", (error) => {
      clearTimeout(timer);
      if (text !== "" && /ECONNRESET|EPIPE/.test(error.code ?? "")) {
        closed = true;
        resolve({ text, closed, reset: true, replies: splitReplies(text, bodiless) });
      } else reject(error);
    });
  });
}

function splitReplies(text, bodiless) {
  const replies = [];
  while (text !== "") {
    const at = text.indexOf("\r\n\r\n");
    if (at < 0) {
      replies.push({ head: text, complete: false });
      break;
    }
    const head = text.slice(0, at);
    const status = Number(/^HTTP\/1\.[01] (\d+)/.exec(head)?.[1]);
    if (status === 100) {
      text = text.slice(at + 4);
      continue;
    }
    const length = bodiless ? 0 : Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
    const body = text.slice(at + 4, at + 4 + length);
    replies.push({ head, status, body, complete: body.length === length });
    text = text.slice(at + 4 + length);
  }
  return replies;
}

/** Reads server-sent events: yields {id, event, data} and comments as {comment}; ends with the stream. */
export async function* events(url, { lastEventId, signal, comments = false } = {}) {
  const reply = await fetch(url, {
    signal,
    headers: { accept: "text/event-stream", ...(lastEventId ? { "last-event-id": lastEventId } : {}) },
  });
  if (reply.status !== 200) throw Object.assign(new Error(`status ${reply.status}`), { status: reply.status });
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of reply.body) {
    rest += decoder.decode(chunk, { stream: true });
    for (let at; (at = rest.indexOf("\n\n")) >= 0; rest = rest.slice(at + 2)) {
      const event = { event: "message" };
      for (const line of rest.slice(0, at).split("\n")) {
        if (line.startsWith(":")) event.comment = line;
        else {
          const colon = line.indexOf(":");
          event[line.slice(0, colon)] = line.slice(colon + 1).replace(/^ /, "");
        }
      }
      if (event.data !== undefined) yield { ...event, data: JSON.parse(event.data) };
      else if (comments) yield event;
    }
  }
}

/** Collects events until one satisfies `last`, or the stream ends. */
export async function follow(url, { lastEventId, last } = {}) {
  const control = new AbortController();
  const seen = [];
  try {
    for await (const event of events(url, { lastEventId, signal: control.signal })) {
      seen.push(event);
      if (last?.(event)) break;
    }
  } finally {
    control.abort();
  }
  return seen;
}

/** Waits until a job is in one of some states. */
export async function jobIn(daemon, id, states, timeoutMs = 120000) {
  let job;
  await until(
    `${id} in ${states}`,
    async () => {
      job = (await daemon.api("GET", `/v1/jobs/${id}`)).body;
      return states.includes(job.state);
    },
    timeoutMs,
  );
  return job;
}

export const endedStates = ["stopped", "succeeded", "cancelled", "diverged", "failed"];

/** A job on the built-in digits that is over in a second or two. */
export const smallJob = (changes = {}) => ({
  name: "small",
  dataset: "digits",
  data: { count: 2000, seed: 5 },
  model: { hidden: 24, readout: "mean", ...changes.model },
  train: { steps: 120, batch: 64, validation: 200, optimizer: { learning_rate: 0.01 }, ...changes.train },
  run: { threads: 1, checkpoint_s: 1, display_every: 5, ...changes.run },
  ...changes.top,
});

/** The processes started by a daemon: [{pid, command}]. */
export function childrenOf(pid) {
  let pids = "";
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`))
      pids += ` ${readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8")}`;
  } catch {
    return [];
  }
  return pids
    .split(/\s+/)
    .filter(Boolean)
    .map((child) => {
      try {
        return { pid: Number(child), command: readFileSync(`/proc/${child}/cmdline`, "utf8").split("\0")[0] };
      } catch {
        return null;
      }
    })
    .filter(Boolean);
}

/** A grey PNG of width x height bytes, 0 black to 255 white. */
export function png(pixels, width, height) {
  const crcTable = Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
    return n >>> 0;
  });
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
    let crc = 0xffffffff;
    for (const byte of body) crc = (crc >>> 8) ^ crcTable[(crc ^ byte) & 255];
    const length = Buffer.alloc(4);
    length.writeUInt32BE(data.length);
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE((crc ^ 0xffffffff) >>> 0);
    return Buffer.concat([length, body, sum]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 0, 0, 0, 0], 8);
  const rows = Buffer.alloc(height * (width + 1));
  for (let y = 0; y < height; y++)
    rows.set(pixels.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", head),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** Draws strokes (lists of [x, y] in 0..1) as ink of a given radius on a square of `size` pixels: 0 paper, 255 ink. */
export function draw(strokes, size = 112, radius = size / 22) {
  const pixels = new Uint8Array(size * size);
  const distance = (px, py, [ax, ay], [bx, by]) => {
    const dx = bx - ax, dy = by - ay;
    const t = Math.max(0, Math.min(1, ((px - ax) * dx + (py - ay) * dy) / (dx * dx + dy * dy || 1)));
    return Math.hypot(px - ax - t * dx, py - ay - t * dy);
  };
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++)
      for (const stroke of strokes)
        for (let i = 1; i < stroke.length; i++) {
          const scaled = [stroke[i - 1], stroke[i]].map((point) => point.map((v) => v * size));
          const ink = Math.min(1, Math.max(0, radius + 0.5 - distance(x + 0.5, y + 0.5, ...scaled)));
          pixels[y * size + x] = Math.max(pixels[y * size + x], Math.round(255 * ink));
        }
  return pixels;
}

/** Strokes of a few digits as people draw them. */
export const strokes = {
  0: [Array.from({ length: 25 }, (_, i) => [0.5 + 0.2 * Math.sin((i * Math.PI) / 12), 0.5 - 0.32 * Math.cos((i * Math.PI) / 12)])],
  1: [[[0.52, 0.18], [0.48, 0.82]]],
  7: [[[0.28, 0.22], [0.72, 0.22], [0.45, 0.82]]],
};

export const hasPrograms = () => ["unrolld", "unroll-train", "unroll-predict"].every((name) => existsSync(path.join(bin, name)));
