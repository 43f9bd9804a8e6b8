// A whole job through the daemon: posted, followed, listed, changed, stopped, cancelled, deleted.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { endedStates, follow, jobIn, smallJob, startDaemon, until } from "./lib.mjs";

let daemon;
before(async () => {
  daemon = await startDaemon({ args: ["--threads", "2"] });
});
after(() => daemon.stop());

const submit = async (spec, headers) => {
  const reply = await daemon.api("POST", "/v1/jobs", spec, headers);
  assert.equal(reply.status, 201, reply.text);
  return reply.body;
};
const longJob = () => smallJob({ train: { steps: 1000000, validation: 0 } });

test("a job goes from its post to a model, and tells everything that the contract names", async () => {
  const reply = await daemon.api("POST", "/v1/jobs", smallJob());
  assert.equal(reply.status, 201);
  const { id } = reply.body;
  assert.match(id, /^j[0-9a-z]{26}$/);
  assert.equal(reply.headers.get("location"), `/v1/jobs/${id}`);
  assert.ok(["queued", "starting"].includes(reply.body.state));
  const job = await jobIn(daemon, id, endedStates);
  assert.equal(job.state, "succeeded", JSON.stringify(job.error));
  assert.equal(job.progress, 1);
  assert.equal(job.step, 120);
  assert.equal(job.spec.train.batch, 64);
  assert.equal(job.spec.train.optimizer.name, "adam", "defaults are filled in");
  assert.equal(job.parameters, 4 * 24 * (28 + 24 + 1) + 24 * 10 + 10);
  assert.ok(job.memory_bytes > 1e6);
  for (const digest of ["dataset_sha256", "weights_sha256"]) assert.match(job[digest], /^[0-9a-f]{64}$/);
  assert.match(job.numerics_profile, /^(avx2|portable|native)$/);
  for (const moment of ["created_at", "started_at", "ended_at"]) assert.match(job[moment], /^20\d\d-\d\d-\d\dT[\d:.]+Z$/);
  assert.equal(job.error, null);
  assert.deepEqual(job.model, { name: "small", version: 1 });
  assert.equal(job.report.weights_sha256, job.weights_sha256);
  assert.ok(job.report.test.accuracy > 0.3, `learnt nothing: ${job.report.test.accuracy}`);
  assert.ok(job.loss > 0 && job.accuracy > 0);

  const { body } = await daemon.api("GET", `/v1/jobs/${id}/metrics?series=train.loss,validation.accuracy`);
  assert.equal(body.job, id);
  assert.deepEqual(Object.keys(body.series).sort(), ["train.loss", "validation.accuracy"]);
  const loss = body.series["train.loss"];
  assert.equal(loss.step.at(-1), 120);
  assert.equal(loss.step.length, loss.value.length);
  assert.ok(loss.value[0] > loss.value.at(-1));

  const thin = (await daemon.api("GET", `/v1/jobs/${id}/metrics?series=train.loss&max_points=3`)).body.series["train.loss"];
  assert.ok(thin.step.length <= 3);
  assert.equal(Math.max(...thin.max), Math.max(...loss.value), "a peak never vanishes");
  assert.equal(Math.min(...thin.min), Math.min(...loss.value));
  assert.equal(thin.value.at(-1), loss.value.at(-1));
  const late = (await daemon.api("GET", `/v1/jobs/${id}/metrics?series=train.loss&from_step=100`)).body.series["train.loss"];
  assert.ok(late.step.length > 0 && late.step.every((step) => step >= 100));
  const csv = await daemon.api("GET", `/v1/jobs/${id}/metrics?format=csv`);
  assert.match(csv.headers.get("content-type"), /^text\/csv/);
  assert.match(csv.text, /^step,train\.loss,.*validation\.accuracy\n1,\d/);

  const confusion = (await daemon.api("GET", `/v1/jobs/${id}/confusion`)).body;
  assert.equal(confusion.classes, 10);
  assert.equal(confusion.counts.flat().reduce((a, b) => a + b), confusion.split === "test" ? 333 : 200);
  assert.equal(confusion.per_class.length, 10);
  const log = await daemon.api("GET", `/v1/jobs/${id}/log`);
  assert.equal(log.status, 200);
  assert.match(log.headers.get("content-type"), /^text\/plain/);

  const document = (await daemon.api("GET", "/openapi.json")).body;
  for (const [key, value] of Object.entries(job)) {
    const schema = document.components.schemas.Job.properties[key];
    assert.ok(schema, `the document does not know the job's "${key}"`);
    if (value === null) assert.ok(schema.type.includes("null"), `${key} may be null`);
  }
});

test("a job that asks for it tells what its steps look like from inside", async () => {
  const { id } = (await daemon.api("POST", "/v1/jobs", smallJob({ run: { insight_every: 20 }, train: { steps: 60 } }))).body;
  const job = await jobIn(daemon, id, endedStates);
  assert.equal(job.state, "succeeded", JSON.stringify(job.error));
  const { body } = await daemon.api("GET", `/v1/jobs/${id}/gradients?limit=2`);
  assert.deepEqual(body.items.map(({ step }) => step), [60, 40]);
  assert.equal(body.next, "40");
  const rest = (await daemon.api("GET", `/v1/jobs/${id}/gradients?cursor=${body.next}`)).body;
  assert.deepEqual(rest.items.map(({ step }) => step), [20]);
  assert.equal(rest.next, null);
  const [newest] = body.items;
  assert.equal(newest.gradients[0].norms.length, 28);
  assert.ok(newest.gradients[0].norms.every((norm) => norm > 0));
  assert.deepEqual(Object.keys(newest.activity[0]), ["layer", "direction", "i", "f", "g", "o", "h", "c"]);
  assert.equal(newest.tensors.find(({ name }) => name === "dense.W").weight_norm > 0, true);
  const events = await follow(`${daemon.url}/v1/jobs/${id}/events`);
  const told = events.filter(({ event }) => event === "gradients").map(({ data }) => data);
  assert.deepEqual(told.map(({ step }) => step), [20, 40, 60]);
  assert.deepEqual(told[2].gradients, newest.gradients);
  const plain = (await daemon.api("POST", "/v1/jobs", smallJob({ train: { steps: 60 } }))).body;
  const same = await jobIn(daemon, plain.id, endedStates);
  assert.equal(same.weights_sha256, job.weights_sha256, "looking changes nothing");
  assert.deepEqual((await daemon.api("GET", `/v1/jobs/${plain.id}/gradients`)).body, { job: plain.id, items: [], next: null });
  assert.equal((await daemon.api("GET", `/v1/jobs/${plain.id}/gradients?limit=0`)).status, 400);
});

test("the document's spec has the fields of the schema that forms are drawn from", async () => {
  const document = (await daemon.api("GET", "/openapi.json")).body;
  const schema = (await daemon.api("GET", "/v1/schema/job")).body;
  assert.deepEqual(Object.keys(document.components.schemas.JobSpec.properties).sort(), Object.keys(schema.properties).sort());
});

test("every preset can be posted as it is, but for data that is not there", async () => {
  const isAnywhere = ({ dataset, train }) =>
    [dataset, train.evaluate_on ?? dataset].every((name) => ["digits", "series"].includes(name));
  const { items } = (await daemon.api("GET", "/v1/presets")).body;
  assert.ok(items.length >= 2);
  const anywhere = items.map(({ spec }) => isAnywhere(spec));
  assert.deepEqual(anywhere, anywhere.toSorted((a, b) => b - a), "those that run on any machine come first");
  for (const { name, description, spec } of items) {
    assert.match(description, /(LSTM|GRU|RNN) of \d+ units/, name);
    const reply = await daemon.api("POST", "/v1/jobs", spec);
    if (isAnywhere(spec)) {
      assert.equal(reply.status, 201, reply.text);
      assert.equal((await daemon.api("POST", `/v1/jobs/${reply.body.id}:cancel`)).status, 202);
    } else assert.equal(reply.body.code, "unknown-dataset", name);
  }
});

test("an Idempotency-Key makes one job of two posts, and refuses another body", async () => {
  const spec = smallJob({ top: { name: "once", tags: ["idem"] } });
  const first = await daemon.api("POST", "/v1/jobs", spec, { "idempotency-key": '"a-key"' });
  const again = await daemon.api("POST", "/v1/jobs", spec, { "idempotency-key": "a-key" });
  assert.equal(again.status, 201);
  assert.equal(again.body.id, first.body.id);
  assert.equal(first.headers.get("idempotency-replayed"), null);
  assert.equal(again.headers.get("idempotency-replayed"), "true");
  const other = await daemon.api("POST", "/v1/jobs", { ...spec, name: "twice" }, { "idempotency-key": "a-key" });
  assert.equal(other.status, 422);
  assert.equal(other.body.code, "idempotency-mismatch");
  assert.equal((await daemon.api("GET", "/v1/jobs?tag=idem")).body.items.length, 1);
  const odd = await daemon.api("POST", "/v1/jobs", spec, { "idempotency-key": "two words" });
  assert.equal(odd.status, 400);
  await daemon.api("POST", `/v1/jobs/${first.body.id}:cancel`);
});

test("lists: newest first, by pages, by state and tag, with an ETag that holds", async () => {
  const ids = [];
  for (let i = 0; i < 5; i++) ids.unshift((await submit(smallJob({ top: { tags: ["page", `n${i}`] } }))).id);
  for (const id of ids) await daemon.api("POST", `/v1/jobs/${id}:cancel`);
  for (const id of ids) await jobIn(daemon, id, endedStates);
  const seen = [];
  let target = "/v1/jobs?tag=page&limit=2";
  for (let pages = 0; target; pages++) {
    assert.ok(pages < 4);
    const page = await daemon.api("GET", target);
    seen.push(...page.body.items.map((job) => job.id));
    target = /<([^>]+)>; rel="next"/.exec(page.headers.get("link") ?? "")?.[1];
    assert.equal(page.body.next === null, target === undefined);
  }
  assert.deepEqual(seen, ids);
  const tagged = await daemon.api("GET", "/v1/jobs?tag=n3");
  assert.deepEqual(tagged.body.items.map((job) => job.id), [ids[1]]);
  assert.ok((await daemon.api("GET", "/v1/jobs?state=succeeded")).body.items.every((job) => job.state === "succeeded"));
  const same = await daemon.api("GET", "/v1/jobs?tag=n3", undefined, { "if-none-match": tagged.headers.get("etag") });
  assert.equal(same.status, 304);
  assert.equal(same.text, "");
  for (const target of ["/v1/jobs?limit=0", "/v1/jobs?limit=501", "/v1/jobs?limit=x", "/v1/jobs?state=sleepy", "/v1/jobs?tag=a/b", "/v1/jobs?page=2"]) {
    const reply = await daemon.api("GET", target);
    assert.equal(reply.status, 400, target);
    assert.match(reply.body.detail, new RegExp(`"${/\?(\w+)/.exec(target)[1]}"`));
  }
});

test("a patch changes name, tags and priority, and nothing else", async () => {
  const { id } = await submit(smallJob());
  const { status, body } = await daemon.api("PATCH", `/v1/jobs/${id}`, { name: "renamed", tags: ["x", "y"], priority: 3 });
  assert.equal(status, 200);
  assert.deepEqual([body.name, body.tags, body.priority], ["renamed", ["x", "y"], 3]);
  assert.deepEqual((await daemon.api("GET", "/v1/jobs?tag=y")).body.items.map((job) => job.id), [id]);
  const wrong = await daemon.api("PATCH", `/v1/jobs/${id}`, { name: "../x", tags: ["a", 3], priority: 1e9, hidden: 4 });
  assert.equal(wrong.status, 422);
  assert.deepEqual(wrong.body.errors.map((error) => error.pointer).sort(), ["/hidden", "/name", "/priority", "/tags/1"]);
  for (const body of ["[]", "{", '{"name":"a","name":"b"}', '{"name":"a"} x', "[".repeat(100)]) {
    const reply = await daemon.api("PATCH", `/v1/jobs/${id}`, body, { "content-type": "application/json" });
    assert.equal(reply.status, 400, body);
    assert.equal(reply.body.code, "bad-json");
  }
  await daemon.api("POST", `/v1/jobs/${id}:cancel`);
});

test("stop keeps what was learnt, cancel does not", async () => {
  const stopped = await submit({ ...longJob(), name: "kept" });
  const cancelled = await submit({ ...longJob(), name: "dropped" });
  for (const { id } of [stopped, cancelled])
    await until("some steps", async () => (await daemon.api("GET", `/v1/jobs/${id}`)).body.step > 0);
  assert.equal((await daemon.api("DELETE", `/v1/jobs/${stopped.id}`)).body.code, "conflict");
  const checkpoint = await daemon.api("POST", `/v1/jobs/${stopped.id}:checkpoint`);
  assert.equal(checkpoint.status, 202);
  assert.equal((await daemon.api("POST", `/v1/jobs/${stopped.id}:stop`)).status, 202);
  assert.equal((await daemon.api("POST", `/v1/jobs/${cancelled.id}:cancel`)).status, 202);
  const kept = await jobIn(daemon, stopped.id, endedStates);
  assert.equal(kept.state, "stopped");
  assert.equal(kept.error, null);
  assert.equal(kept.model.name, "kept");
  assert.ok(kept.report.test.images > 0);
  assert.ok(kept.step > 0 && kept.step < 1000000);
  const dropped = await jobIn(daemon, cancelled.id, endedStates);
  assert.equal(dropped.state, "cancelled");
  assert.equal(dropped.model, null);
  assert.equal((await daemon.api("GET", "/v1/models/kept")).status, 200);
  assert.equal((await daemon.api("GET", "/v1/models/dropped")).body.code, "not-found");
  for (const verb of ["stop", "cancel", "checkpoint"]) {
    const reply = await daemon.api("POST", `/v1/jobs/${stopped.id}:${verb}`);
    assert.equal(reply.status, 409);
    assert.equal(reply.body.code, "conflict");
  }
  // The verb may come percent-encoded, as some clients send it.
  assert.equal((await daemon.api("POST", `/v1/jobs/${stopped.id}%3Astop`)).status, 409);
});

test("a job that waits can be cancelled, and a deleted one is gone with its events", async () => {
  const busy = await submit({ ...longJob(), run: { ...longJob().run, threads: 2 } });
  const waiting = await submit(smallJob());
  const ended = follow(`${daemon.url}/v1/jobs/${waiting.id}/events`);
  assert.equal((await daemon.api("GET", `/v1/jobs/${waiting.id}`)).body.state, "queued");
  assert.equal((await daemon.api("POST", `/v1/jobs/${waiting.id}:stop`)).body.state, "cancelled");
  assert.equal((await ended).at(-1).event, "end");
  await daemon.api("POST", `/v1/jobs/${busy.id}:cancel`);
  await jobIn(daemon, busy.id, endedStates);
  for (const { id } of [busy, waiting]) {
    assert.equal((await daemon.api("DELETE", `/v1/jobs/${id}`)).status, 204);
    for (const target of [`/v1/jobs/${id}`, `/v1/jobs/${id}/events`, `/v1/jobs/${id}/metrics`, `/v1/jobs/${id}/log`])
      assert.equal((await daemon.api("GET", target)).status, 404, target);
    assert.equal((await daemon.api("DELETE", `/v1/jobs/${id}`)).status, 404);
  }
});

test("a loss that is no number ends the job as diverged, with no NaN in any reply", async () => {
  const { id } = await submit(smallJob({ top: { name: "wild" }, train: { optimizer: { learning_rate: 1000, epsilon: 1e-30 }, steps: 400 } }));
  const job = await jobIn(daemon, id, endedStates);
  // Adam's steps are bounded by its rate, so a network this small may survive even this; what is promised is the form.
  assert.ok(["diverged", "succeeded"].includes(job.state), job.state);
  const series = await daemon.api("GET", `/v1/jobs/${id}/metrics`);
  assert.doesNotMatch(series.text, /nan|inf/i);
  if (job.state === "diverged") assert.equal(job.error.code, "diverged");
});
