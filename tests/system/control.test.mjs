// A job under its client's control: paused and resumed, to the same bits as if nothing had been asked of it.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import test, { after, before } from "node:test";
import { promisify } from "node:util";
import { bin, childrenOf, endedStates, follow, jobIn, lives, remove, smallJob, startDaemon, temporary, until } from "./lib.mjs";

// A few seconds of work, so that there is a middle to be paused in.
const job = (changes = {}) => smallJob({ model: { hidden: 128 }, ...changes, train: { steps: 400, ...changes.train } });
const workersOf = (daemon) => childrenOf(daemon.child.pid).filter(({ command }) => command.endsWith("unroll-train"));
const folders = [];
const folder = () => folders[folders.push(temporary()) - 1];

let undisturbed;
before(async () => {
  const daemon = await startDaemon();
  const { id } = (await daemon.api("POST", "/v1/jobs", job())).body;
  const end = await jobIn(daemon, id, endedStates);
  assert.equal(end.state, "succeeded", JSON.stringify(end.error));
  undisturbed = end;
  await daemon.stop();
});
after(() => folders.forEach(remove));

/** Starts a job and waits until it has trained some steps. */
async function trained(daemon, spec, step) {
  const reply = await daemon.api("POST", "/v1/jobs", spec);
  assert.equal(reply.status, 201, reply.text);
  const { id } = reply.body;
  await follow(`${daemon.url}/v1/jobs/${id}/events`, { last: ({ event, data }) => event === "end" || data.step >= step });
  return id;
}

test("pause and resume, with a kill -9 of the daemon while it rests: the same weights", async () => {
  const state = folder();
  let daemon = await startDaemon({ state });
  const id = await trained(daemon, job(), 80);
  const [worker] = workersOf(daemon);
  const reply = await daemon.api("POST", `/v1/jobs/${id}:pause`);
  assert.equal(reply.status, 202, reply.text);
  assert.ok(["stopping", "paused"].includes(reply.body.state), reply.body.state);
  const paused = await jobIn(daemon, id, ["paused", ...endedStates]);
  assert.equal(paused.state, "paused");
  assert.ok(paused.step >= 80 && paused.step < 400);
  assert.equal(lives(worker.pid), false, "its worker is gone");
  assert.equal((await daemon.api("GET", "/v1/jobs?state=paused")).body.items.length, 1);
  for (const verb of ["pause", "checkpoint"]) {
    const refused = await daemon.api("POST", `/v1/jobs/${id}:${verb}`);
    assert.equal(refused.status, 409);
    assert.match(refused.body.detail, /it is paused\./);
  }
  await daemon.end("SIGKILL");
  daemon = await startDaemon({ state });
  assert.equal((await daemon.api("GET", `/v1/jobs/${id}`)).body.state, "paused");
  assert.equal(workersOf(daemon).length, 0);
  const resumed = await daemon.api("POST", `/v1/jobs/${id}:resume`);
  assert.equal(resumed.status, 202, resumed.text);
  assert.ok(["queued", "starting"].includes(resumed.body.state), resumed.body.state);
  await jobIn(daemon, id, ["running", ...endedStates]);
  assert.equal((await daemon.api("POST", `/v1/jobs/${id}:resume`)).status, 409);
  const end = await jobIn(daemon, id, endedStates);
  assert.equal(end.state, "succeeded", JSON.stringify(end.error));
  assert.equal(end.weights_sha256, undisturbed.weights_sha256);
  assert.equal(end.restarts, 0, "a pause is no crash");
  const seen = await follow(`${daemon.url}/v1/jobs/${id}/events`);
  const states = seen.filter(({ event }) => event === "state").map(({ data }) => data.state);
  assert.deepEqual(states, ["queued", "starting", "running", "stopping", "paused", "queued", "starting", "running", "succeeded"]);
  await daemon.stop();
});

test("kill -9 of the daemon just after a pause was acknowledged: the job rests, and resumes to the same weights", async () => {
  const state = folder();
  let daemon = await startDaemon({ state });
  const id = await trained(daemon, job(), 40);
  const workers = workersOf(daemon);
  assert.equal((await daemon.api("POST", `/v1/jobs/${id}:pause`)).status, 202);
  await daemon.end("SIGKILL");
  await until("the end of the orphan", () => workers.every(({ pid }) => !lives(pid)), 10000);
  daemon = await startDaemon({ state });
  assert.equal((await daemon.api("GET", `/v1/jobs/${id}`)).body.state, "paused");
  await daemon.api("POST", `/v1/jobs/${id}:resume`);
  assert.equal((await jobIn(daemon, id, endedStates)).weights_sha256, undisturbed.weights_sha256);
  await daemon.stop();
});

test("a fork without changes is its parent, one with changes is not; and neither needs its parent's files", async () => {
  const daemon = await startDaemon({ args: ["--threads", "2"] });
  const id = await trained(daemon, job({ top: { name: "parent", tags: ["p"] } }), 80);
  await daemon.api("POST", `/v1/jobs/${id}:pause`);
  const parent = await jobIn(daemon, id, ["paused"]);
  const fork = (body, headers) => daemon.api("POST", `/v1/jobs/${id}:fork`, body, headers);

  const same = await fork({}, { "idempotency-key": "once" });
  assert.equal(same.status, 201, same.text);
  assert.equal(same.headers.get("location"), `/v1/jobs/${same.body.id}`);
  assert.equal(same.body.parent.id, id);
  const { step } = same.body.parent;
  assert.ok(step >= parent.step && step < 400, `${step}`);
  assert.deepEqual([same.body.name, same.body.tags, same.body.step], ["parent", ["p"], step]);
  assert.equal((await fork({}, { "idempotency-key": "once" })).body.id, same.body.id);
  const changed = await fork({ from: { step }, changes: { name: "child", train: { optimizer: { learning_rate: 0.003 }, epochs: 20 } } });
  assert.equal(changed.status, 201, changed.text);
  assert.equal(changed.body.spec.train.optimizer.learning_rate, 0.003);
  assert.equal(changed.body.spec.train.optimizer.beta1, 0.9, "what is not named stays");
  assert.deepEqual([changed.body.spec.train.epochs, changed.body.spec.train.steps ?? null], [20, null]);
  await daemon.api("POST", `/v1/jobs/${id}:cancel`);
  assert.equal((await daemon.api("DELETE", `/v1/jobs/${id}`)).status, 204);

  const end = await jobIn(daemon, same.body.id, endedStates);
  assert.equal(end.state, "succeeded", JSON.stringify(end.error));
  assert.equal(end.weights_sha256, undisturbed.weights_sha256);
  assert.deepEqual(end.parent, { id, step });
  const steps = (await daemon.api("GET", `/v1/jobs/${end.id}/metrics?series=train.loss`)).body.series["train.loss"].step;
  assert.ok(steps.every((number) => number > step), "its curve begins where it left its parent");
  const other = await jobIn(daemon, changed.body.id, endedStates);
  assert.equal(other.state, "succeeded", JSON.stringify(other.error));
  assert.notEqual(other.weights_sha256, end.weights_sha256);
  // A fork of an ended job, and of a fork.
  const again = await daemon.api("POST", `/v1/jobs/${end.id}:fork`, { from: "best" });
  assert.equal(again.status, 201, again.text);
  const last = await jobIn(daemon, again.body.id, endedStates);
  assert.equal(last.weights_sha256, undisturbed.weights_sha256);
  await daemon.stop();
});

test("what a fork may not be is refused with its pointer, or with the steps that there are", async () => {
  const daemon = await startDaemon();
  const id = await trained(daemon, smallJob(), 1e9);
  const fork = (body, parent = id) => daemon.api("POST", `/v1/jobs/${parent}:fork`, body);
  const pointers = async (changes) => (await fork({ changes })).body.errors.map(({ pointer }) => pointer).sort();
  assert.deepEqual(await pointers({ dataset: "mnist", model: { hidden: 9, cell: "gru" }, train: { seed: 2, validation: 3 } }),
    ["/dataset", "/model/cell", "/model/hidden", "/train/seed", "/train/validation"]);
  assert.deepEqual(await pointers({ train: { batch: 0, epocs: 3, optimizer: { learning_rate: -1 } } }),
    ["/train/batch", "/train/epocs", "/train/optimizer/learning_rate"]);
  assert.deepEqual(await pointers({ train: { steps: 7 } }), ["/train/steps"]);
  for (const [body, pointer] of [[{ from: "first" }, "/from"], [{ from: { step: -1 } }, "/from"], [{ from: { step: 1, x: 2 } }, "/from"],
    [{ changes: [] }, "/changes"], [{ change: {} }, "/change"]]) {
    const reply = await fork(body);
    assert.equal(reply.status, 422, JSON.stringify(body));
    assert.deepEqual(reply.body.errors.map((error) => error.pointer), [pointer]);
  }
  const missing = await fork({ from: { step: 1 } });
  assert.equal(missing.status, 409);
  assert.match(missing.body.detail, /no checkpoint of step 1; it can be forked at the steps 120, \d+/);
  assert.equal((await fork({}, "j00000000000000000000000000")).status, 404);
  const { id: dropped } = (await daemon.api("POST", "/v1/jobs", job())).body;
  assert.equal((await fork({}, dropped)).status, 409, "it has no checkpoint yet");
  await daemon.api("POST", `/v1/jobs/${dropped}:cancel`);
  assert.equal((await daemon.api("GET", "/v1/jobs")).body.items.length, 2, "what was refused left no job");
  const left = readdirSync(path.join(daemon.state, "jobs"));
  assert.ok(left.every((name) => [id, dropped].includes(name)), left.join());
  await daemon.stop();
});

test("the folder of a fork that never became durable is swept at the next start", async () => {
  const state = folder();
  const first = await startDaemon({ state });
  await first.stop();
  const lost = path.join(state, "jobs", "j00000000000000000000000001");
  mkdirSync(lost);
  writeFileSync(path.join(lost, "parent.ckpt"), "x");
  const second = await startDaemon({ state });
  assert.equal(existsSync(lost), false);
  await second.stop();
});

test("pause, resume and fork from the command line", async () => {
  const daemon = await startDaemon();
  const id = await trained(daemon, job(), 40);
  const unroll = (...args) => promisify(execFile)(path.join(bin, "unroll"), [...args, "--url", daemon.url]);
  assert.match((await unroll("pause", id)).stdout, new RegExp(`^${id}: pausing`));
  await jobIn(daemon, id, ["paused"]);
  const { stdout } = await unroll("fork", id, "--from", "last", "--set", "/train/optimizer/learning_rate=0.002", "--set", "/name=slower");
  const child = (await daemon.api("GET", `/v1/jobs/${stdout.trim()}`)).body;
  assert.deepEqual([child.name, child.spec.train.optimizer.learning_rate, child.parent.id], ["slower", 0.002, id]);
  await assert.rejects(unroll("fork", id, "--set", "/model/hidden=3"), ({ code, stderr }) => code === 2 && /\/model\/hidden cannot change/.test(stderr));
  for (const odd of [["--set", "hidden=3"], ["--from", "middle"]]) await assert.rejects(unroll("fork", id, ...odd), ({ code }) => code === 2);
  assert.match((await unroll("resume", id)).stdout, /back in the queue/);
  await unroll("cancel", id, child.id);
  await daemon.stop();
});
