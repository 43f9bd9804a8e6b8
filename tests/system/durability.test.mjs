// kill -9 of everything: what was acknowledged is there, what was running goes on, and the weights are the same bits.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { childrenOf, endedStates, events, follow, jobIn, lives, remove, smallJob, startDaemon, temporary, until } from "./lib.mjs";

// A few seconds of work, so that there is a middle to be killed in.
const job = (changes = {}) => smallJob({ model: { hidden: 128 }, train: { steps: 400 }, ...changes });
const sequenceOf = (event) => Number(event.id.split(":")[1]);
const workersOf = (daemon) => childrenOf(daemon.child.pid).filter(({ command }) => command.endsWith("unroll-train"));

let undisturbed;
before(async () => {
  const daemon = await startDaemon();
  const { id } = (await daemon.api("POST", "/v1/jobs", job())).body;
  const end = await jobIn(daemon, id, endedStates);
  assert.equal(end.state, "succeeded", JSON.stringify(end.error));
  undisturbed = end.weights_sha256;
  await daemon.stop();
});

const folders = [];
const folder = () => folders[folders.push(temporary()) - 1];
after(() => folders.forEach(remove));

/** Reads a job's events until it has trained some steps; gives them. */
const untilStep = (daemon, id, step, lastEventId) =>
  follow(`${daemon.url}/v1/jobs/${id}/events`, { lastEventId, last: ({ event, data }) => event === "end" || data.step >= step });

test("kill -9 of the daemon in mid-job, twice: the same weights, and one unbroken sequence of events", async () => {
  const state = folder();
  let daemon = await startDaemon({ state });
  const { id } = (await daemon.api("POST", "/v1/jobs", job())).body;
  const seen = await untilStep(daemon, id, 80);
  for (const step of [160, null]) {
    assert.notEqual(seen.at(-1).event, "end", "the job was over before it could be killed");
    const workers = workersOf(daemon);
    assert.equal(workers.length, 1);
    await daemon.end("SIGKILL");
    await until("the end of the orphan", () => !lives(workers[0].pid), 10000);
    daemon = await startDaemon({ state });
    const lastEventId = seen.at(-1).id;
    if (step) seen.push(...(await untilStep(daemon, id, step, lastEventId)));
    else seen.push(...(await follow(`${daemon.url}/v1/jobs/${id}/events`, { lastEventId })));
  }
  assert.equal(seen.at(-1).event, "end");
  assert.deepEqual(seen.map(sequenceOf), seen.map((_, index) => index + 1));
  assert.deepEqual(seen, await follow(`${daemon.url}/v1/jobs/${id}/events`));
  const end = await jobIn(daemon, id, endedStates);
  assert.equal(end.state, "succeeded", JSON.stringify(end.error));
  assert.equal(end.weights_sha256, undisturbed);
  await daemon.stop();
});

test("kill -9 of the worker: interrupted, resumed by itself, the same weights", async () => {
  const daemon = await startDaemon();
  const { id } = (await daemon.api("POST", "/v1/jobs", job())).body;
  await untilStep(daemon, id, 80);
  const [worker] = workersOf(daemon);
  process.kill(worker.pid, "SIGKILL");
  const seen = await follow(`${daemon.url}/v1/jobs/${id}/events`);
  const states = seen.filter(({ event }) => event === "state").map(({ data }) => data.state);
  assert.ok(states.includes("interrupted"), states.join());
  const end = await jobIn(daemon, id, endedStates);
  assert.equal(end.state, "succeeded", JSON.stringify(end.error));
  assert.equal(end.weights_sha256, undisturbed);
  assert.equal(end.restarts, 1);
  assert.match((await daemon.api("GET", "/metrics")).text, /^unroll_worker_restarts_total 1$/m);
  await daemon.stop();
});

test("SIGTERM in mid-job: a clean end in time, and the job goes on at the next start", async () => {
  const state = folder();
  const first = await startDaemon({ state });
  const { id } = (await first.api("POST", "/v1/jobs", job())).body;
  await untilStep(first, id, 50);
  const workers = workersOf(first);
  const started = Date.now();
  const end = await first.end("SIGTERM");
  assert.deepEqual([end.code, end.signal], [0, null], end.log);
  assert.ok(Date.now() - started < 20000);
  for (const { pid } of workers) assert.equal(lives(pid), false);
  const second = await startDaemon({ state });
  const job2 = await jobIn(second, id, endedStates);
  assert.equal(job2.state, "succeeded");
  assert.equal(job2.weights_sha256, undisturbed);
  await second.stop();
});

test("every acknowledged job is there after kill -9, and none twice", async () => {
  const state = folder();
  const acknowledged = new Map();
  for (let round = 0; round < 3; round++) {
    const daemon = await startDaemon({ state, args: ["--max-jobs", "1"] });
    let open = true;
    const clients = Array.from({ length: 8 }, async (_, client) => {
      for (let n = 0; open && n < 40; n++) {
        const key = `${round}-${client}-${n}`;
        try {
          const reply = await daemon.api("POST", "/v1/jobs", job({ top: { name: key } }), { "idempotency-key": key });
          if (reply.status === 201) acknowledged.set(reply.body.id, key);
        } catch {
          return; // the daemon is gone
        }
      }
    });
    const target = acknowledged.size + 60;
    await until("some jobs", () => acknowledged.size >= target);
    await daemon.end("SIGKILL");
    open = false;
    await Promise.all(clients);
  }
  const daemon = await startDaemon({ state, args: ["--max-jobs", "1"] });
  const names = new Map();
  for (let cursor = ""; cursor !== null; ) {
    const { body } = await daemon.api("GET", `/v1/jobs?limit=500${cursor && `&cursor=${cursor}`}`);
    for (const item of body.items) names.set(item.id, item.name);
    cursor = body.next;
  }
  for (const [id, key] of acknowledged) assert.equal(names.get(id), key);
  assert.equal(new Set(names.values()).size, names.size, "a job was made twice");
  // The key still answers with the stored reply.
  const [id, key] = [...acknowledged].at(-1);
  const again = await daemon.api("POST", "/v1/jobs", job({ top: { name: key } }), { "idempotency-key": key });
  assert.equal(again.body.id, id);
  await daemon.stop();
});

test("a second daemon on the same state directory refuses to start, and harms nothing", async () => {
  const state = folder();
  const first = await startDaemon({ state });
  await assert.rejects(startDaemon({ state }), /ended at once/);
  assert.equal((await first.api("GET", "/readyz")).status, 200);
  await first.stop();
});

test("an address that is not loopback is refused without tokens", async () => {
  for (const address of ["0.0.0.0:0", "192.0.2.1:0", "[::]:0"])
    await assert.rejects(startDaemon({ args: ["--listen", address] }), /ended at once/);
});
