// A job under its client's control: paused and resumed, to the same bits as if nothing had been asked of it.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { childrenOf, endedStates, follow, jobIn, lives, remove, smallJob, startDaemon, temporary, until } from "./lib.mjs";

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
