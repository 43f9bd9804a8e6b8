// Server-sent events: order, replay without gap or duplicate, several jobs on one connection, limits, the end.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { endedStates, events, follow, jobIn, raw, smallJob, startDaemon, until } from "./lib.mjs";

let daemon;
before(async () => {
  daemon = await startDaemon({ args: ["--threads", "2"] });
});
after(() => daemon.stop());

const submit = async (changes) => (await daemon.api("POST", "/v1/jobs", smallJob(changes))).body.id;
const sequenceOf = (event) => Number(event.id.split(":")[1]);
const isEnd = (event) => event.event === "end";

test("a job's stream tells the whole story in order, and ends", async () => {
  const id = await submit();
  const seen = await follow(`${daemon.url}/v1/jobs/${id}/events`);
  assert.deepEqual(seen.map(sequenceOf), seen.map((_, index) => index + 1));
  assert.ok(seen.every((event) => event.id.startsWith(`${id}:`) && event.data.job === id));
  assert.equal(seen.at(-1).event, "end");
  assert.equal(seen.filter(isEnd).length, 1);
  const names = new Set(seen.map((event) => event.event));
  for (const name of ["state", "step", "epoch", "checkpoint", "end"]) assert.ok(names.has(name), `no ${name}`);
  const states = seen.filter((event) => event.event === "state").map((event) => event.data.state);
  assert.equal(states[0], "queued");
  assert.ok(states.includes("running"));
  const steps = seen.filter((event) => event.event === "step").map((event) => event.data.step);
  assert.deepEqual(steps, [...steps].sort((a, b) => a - b));
  for (const key of ["step", "epoch", "loss", "accuracy", "learning_rate", "gradient_norm", "images_per_second", "progress", "eta_s"])
    assert.ok(key in seen.find((event) => event.event === "step").data, key);
  const job = await jobIn(daemon, id, endedStates);
  assert.equal(seen.at(-1).data.state, "succeeded");
  assert.equal(seen.at(-1).data.report.weights_sha256, job.weights_sha256);

  // The same, replayed after the end, and from every place in it.
  assert.deepEqual(await follow(`${daemon.url}/v1/jobs/${id}/events`), seen);
  for (const at of [0, 1, Math.floor(seen.length / 2), seen.length - 2])
    assert.deepEqual(await follow(`${daemon.url}/v1/jobs/${id}/events`, { lastEventId: seen[at].id }), seen.slice(at + 1));
  assert.deepEqual(
    await follow(`${daemon.url}/v1/jobs/${id}/events?last_event_id=${seen[2].id}`),
    seen.slice(3),
  );
  // Who has seen the end is told not to come back.
  const again = await daemon.api("GET", `/v1/jobs/${id}/events`, undefined, { "last-event-id": seen.at(-1).id });
  assert.equal(again.status, 204);
});

test("dropped and re-attached at every few events: no gap, no duplicate", async () => {
  const id = await submit({ train: { steps: 200 }, run: { display_every: 1 } });
  const url = `${daemon.url}/v1/jobs/${id}/events`;
  const seen = [];
  for (let attached = 0; !seen.some(isEnd); attached++) {
    assert.ok(attached < 500);
    let taken = 0;
    seen.push(...(await follow(url, { lastEventId: seen.at(-1)?.id, last: () => ++taken === 2 })));
  }
  assert.deepEqual(seen.map(sequenceOf), seen.map((_, index) => index + 1));
  assert.deepEqual(seen, await follow(url), "the pieces are the whole");
});

test("several jobs on one connection, resumed by one id", async () => {
  const first = await submit();
  const second = await submit();
  const url = `${daemon.url}/v1/events?jobs=${first},${second}`;
  const start = `${first}:0,${second}:0`;
  const whole = await follow(url, { lastEventId: start });
  for (const id of [first, second]) {
    const own = whole.filter((event) => event.id.startsWith(id));
    assert.deepEqual(own.map(sequenceOf), own.map((_, index) => index + 1));
    assert.equal(own.at(-1).event, "end");
  }
  const half = Math.floor(whole.length / 2);
  assert.deepEqual(await follow(url, { lastEventId: whole[half].id }), whole.slice(half + 1));
});

test("a job that is named twice is followed once, and its stream ends", { timeout: 60000 }, async () => {
  const id = await submit();
  await jobIn(daemon, id, endedStates);
  const url = `${daemon.url}/v1/events?jobs=${id},${id}`;
  const whole = await follow(url, { lastEventId: `${id}:0` });
  assert.deepEqual(whole.map(sequenceOf), whole.map((_, index) => index + 1));
  assert.equal((await fetch(url, { headers: { "last-event-id": whole.at(-1).id } })).status, 204);
});

test("a stream of all jobs sees those that come later", async () => {
  const control = new AbortController();
  const names = [];
  let id;
  for await (const event of events(`${daemon.url}/v1/events`, { signal: control.signal, comments: true })) {
    if (event.comment) id = await submit();
    else if (event.data.job === id) names.push(event.event);
    if (names.at(-1) === "end") break;
  }
  control.abort();
  assert.equal(names[0], "state");
});

test("the head of a stream keeps proxies and caches from holding it back", async () => {
  const id = await submit();
  const control = new AbortController();
  const reply = await fetch(`${daemon.url}/v1/jobs/${id}/events`, { signal: control.signal, headers: { "accept-encoding": "gzip" } });
  assert.equal(reply.headers.get("content-type"), "text/event-stream");
  assert.equal(reply.headers.get("cache-control"), "no-cache, no-transform");
  assert.equal(reply.headers.get("x-accel-buffering"), "no");
  assert.equal(reply.headers.get("content-encoding"), null);
  const first = new TextDecoder().decode((await reply.body.getReader().read()).value);
  assert.ok(first.startsWith("retry: 3000\n: connected\n\n"), first);
  control.abort();
  const old = await raw(daemon.port, `GET /v1/jobs/${id}/events HTTP/1.0\r\nHost: localhost\r\n\r\n`, { timeoutMs: 60000 });
  assert.match(old.text, /event: end/, "HTTP/1.0 gets it too, until the connection closes");
});

test("unknown jobs are 404, odd lists 400", async () => {
  assert.equal((await daemon.api("GET", "/v1/jobs/j00000000000000000000000000/events")).status, 404);
  assert.equal((await daemon.api("GET", "/v1/events?jobs=j00000000000000000000000000")).status, 404);
  assert.equal((await daemon.api("GET", `/v1/events?jobs=${"a".repeat(40)}`)).status, 400);
  assert.equal((await daemon.api("GET", `/v1/events?jobs=${Array.from({ length: 101 }, (_, index) => `j${index}`).join()}`)).status, 400);
});

test("too many watchers are 429, with a time to come back", async () => {
  const own = await startDaemon({ args: ["--max-watchers", "40"] });
  const control = new AbortController();
  const open = await Promise.all(Array.from({ length: 60 }, () => fetch(`${own.url}/v1/events`, { signal: control.signal })));
  const statuses = open.map((reply) => reply.status);
  assert.equal(statuses.filter((status) => status === 200).length, 40);
  const refused = open.filter((reply) => reply.status === 429);
  assert.equal(refused.length, 20);
  assert.ok(refused[0].headers.get("retry-after") > 0);
  control.abort();
  await own.stop();
});

test("a reader that never reads stops nobody", async () => {
  const id = await submit({ train: { steps: 300 }, run: { display_every: 1 } });
  const other = new AbortController();
  const deaf = await fetch(`${daemon.url}/v1/jobs/${id}/events`, { signal: other.signal });
  assert.equal(deaf.status, 200);
  const seen = await follow(`${daemon.url}/v1/jobs/${id}/events`);
  assert.equal(seen.at(-1).data.state, "succeeded");
  other.abort();
});

test("a daemon that stops ends its streams properly and at once", async () => {
  const own = await startDaemon();
  const streams = await Promise.all(Array.from({ length: 50 }, () => fetch(`${own.url}/v1/events`)));
  const started = Date.now();
  const ends = Promise.all(streams.map((reply) => reply.text()));
  const end = await own.stop();
  assert.deepEqual([end.code, end.signal], [0, null], end.log);
  await ends; // each body ended by its last chunk, not by a reset
  assert.ok(Date.now() - started < 10000);
});

test("a watcher that vanished is let go, by the heartbeats that nobody takes", async () => {
  const own = await startDaemon();
  const watchers = async () => Number(/^unroll_watchers (\d+)$/m.exec((await own.api("GET", "/metrics")).text)[1]);
  const control = new AbortController();
  await fetch(`${own.url}/v1/events`, { signal: control.signal });
  assert.equal(await watchers(), 1);
  control.abort();
  await until("no watcher", async () => (await watchers()) === 0, 60000);
  await own.stop();
});
