// The daemon's side of script/bench: a real unrolld with a model of the textbook's size, trained for a moment on the
// built-in digits, asked over kept connections, alone and while a job trains on every core; and watchers of that job.
// The asking process shares the machine: its own work is in every figure.
import net from "node:net";
import { draw, jobIn, endedStates, startDaemon, strokes } from "../system/lib.mjs";
import { percentile } from "./report.mjs";

const model = { cell: "lstm", hidden: 128, readout: "last" };
const digit = Buffer.from(draw(strokes[7], 28, 1.2));
const requests = {
  "GET /healthz": Buffer.from("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"),
  "POST /v1/classify": Buffer.concat([
    Buffer.from(`POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\nContent-Length: ${digit.length}\r\n\r\n`),
    digit,
  ]),
};

/** A connection that asks, waits for the whole answer, and asks again: [milliseconds of each] until `end`. */
function askUntil(end, port, request) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
    const times = [];
    let began = 0;
    let text = "";
    const ask = () => {
      text = "";
      began = performance.now();
      socket.write(request);
    };
    socket.on("connect", ask);
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("the daemon closed a connection")));
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1");
      const head = text.indexOf("\r\n\r\n");
      if (head < 0 || text.length < head + 4 + Number(/^content-length: (\d+)/im.exec(text)?.[1])) return;
      if (!text.startsWith("HTTP/1.1 200 ")) socket.destroy(new Error(`answered ${text.slice(0, 300)}`));
      times.push(performance.now() - began);
      if (performance.now() < end) ask();
      else {
        resolve(times);
        socket.destroy();
      }
    });
  });
}

async function measureRequests(daemon, name, connections, training, seconds) {
  await askUntil(performance.now() + 200, daemon.port, requests[name]); // warm
  const began = performance.now();
  const end = began + seconds * 1e3;
  const all = await Promise.all(Array.from({ length: connections }, () => askUntil(end, daemon.port, requests[name])));
  const times = all.flat();
  return {
    bench: "http", request: name, connections, training, requests: times.length,
    p50_ms: percentile(times, 50), p99_ms: percentile(times, 99),
    requests_per_second: Math.round((times.length / (performance.now() - began)) * 1e3),
  };
}

/** Watchers of one job: how long after the first of them the others have an event. */
async function measureWatchers(daemon, job, watchers, seconds) {
  const arrivals = new Map(); // event id -> times
  const sockets = Array.from({ length: watchers }, () => {
    const socket = net.connect({ port: daemon.port, host: "127.0.0.1" });
    let rest = "";
    socket.on("connect", () => socket.write(`GET /v1/jobs/${job}/events HTTP/1.1\r\nHost: localhost\r\n\r\n`));
    socket.on("data", (bytes) => {
      const now = performance.now();
      const lines = (rest + bytes.toString("latin1")).split("\n");
      rest = lines.pop();
      for (const line of lines.filter((one) => one.startsWith("id: "))) arrivals.set(line, [...(arrivals.get(line) ?? []), now]);
    });
    socket.on("error", () => {}); // seen below: an event that does not reach everybody
    return socket;
  });
  await pause(1000); // what was before they came is replayed to each at a time of its own
  arrivals.clear();
  await pause(seconds * 1e3);
  const whole = [...arrivals.values()].filter((times) => times.length === watchers);
  sockets.forEach((socket) => socket.destroy());
  if (whole.length === 0) throw new Error("no event reached every watcher");
  const delays = whole.flatMap((times) => times.map((time) => time - Math.min(...times)));
  return { bench: "sse", watchers, events: whole.length, p50_ms: percentile(delays, 50), p99_ms: percentile(delays, 99) };
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const submit = async (daemon, name, steps) => {
  const train = { steps, batch: 128, validation: 0 };
  const reply = await daemon.api("POST", "/v1/jobs", { name, dataset: "digits", data: { count: 6000 }, model, train });
  if (reply.status !== 201) throw new Error(reply.text);
  return reply.body.id;
};

/** Yields one line after the other. */
export async function* measureHttp(seconds) {
  const daemon = await startDaemon();
  try {
    const job = await jobIn(daemon, await submit(daemon, "asked", 40), endedStates);
    if (job.state !== "succeeded") throw new Error(`the model to ask ended as ${job.state}`);
    for (const name of Object.keys(requests)) yield await measureRequests(daemon, name, 1, false, seconds);
    yield await measureRequests(daemon, "POST /v1/classify", 64, false, seconds);
    const training = await submit(daemon, "busy", 1000000);
    await jobIn(daemon, training, ["running"]);
    await pause(2000); // until it has its data and trains
    for (const name of Object.keys(requests)) yield await measureRequests(daemon, name, 1, true, seconds);
    yield await measureWatchers(daemon, training, 300, Math.max(5, seconds));
    await daemon.api("POST", `/v1/jobs/${training}:cancel`);
  } finally {
    await daemon.stop();
  }
}
