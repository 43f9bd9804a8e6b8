// Pictures: a model that was just trained here names digits drawn here, and every odd picture gets its code.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test, { after, before } from "node:test";
import { inflateSync } from "node:zlib";
import { childrenOf, draw, endedStates, jobIn, png, remove, smallJob, startDaemon, strokes, temporary, until } from "./lib.mjs";

const state = temporary();
let daemon;
before(async () => {
  daemon = await startDaemon({ state });
  assert.equal((await classify(png(draw(strokes[7]), 112, 112))).body.code, "not-found", "no model yet");
  const spec = smallJob({ top: { name: "reader", data: { count: 12000, seed: 1 } }, model: { hidden: 64 }, train: { steps: 500, validation: 0 }, run: { threads: 0 } });
  const { id } = (await daemon.api("POST", "/v1/jobs", spec)).body;
  const job = await jobIn(daemon, id, endedStates);
  assert.equal(job.state, "succeeded", JSON.stringify(job.error));
});
after(async () => {
  await daemon.stop();
  remove(state);
});

const classify = (body, query = "", type = "image/png", target = "/v1/classify") =>
  daemon.api("POST", target + query, body, type ? { "content-type": type } : {});
const label = async (...args) => {
  const reply = await classify(...args);
  assert.equal(reply.status, 200, reply.text);
  return reply.body.predictions[0].label;
};
const square = (digit, size) => png(draw(strokes[digit], size), size, size);
const inverted = (pixels) => pixels.map((value) => 255 - value);

test("drawn digits are named: white on black, black on white, large and small", async () => {
  for (const digit of ["0", "1", "7"]) {
    assert.equal(await label(square(digit, 112)), digit);
    assert.equal(await label(square(digit, 400)), digit);
    assert.equal(await label(png(inverted(draw(strokes[digit])), 112, 112)), digit);
    assert.equal(await label(draw(strokes[digit], 28, 1.2), "", "application/octet-stream"), digit, "784 raw bytes");
  }
});

test("the answer has the form of the contract", async () => {
  const reply = await classify(square(7, 112), "?top=10&image=1");
  assert.deepEqual(Object.keys(reply.body), ["model", "version", "predictions", "latency_us"]);
  assert.equal(reply.body.model, "reader");
  assert.equal(reply.body.version, 1);
  assert.equal(reply.body.predictions.length, 1);
  const [prediction] = reply.body.predictions;
  assert.equal(prediction.digit, true);
  assert.equal(prediction.rows_read, 28);
  assert.equal(prediction.top.length, 10);
  assert.deepEqual(prediction.top[0], [prediction.label, prediction.probability]);
  const odds = prediction.top.map(([, probability]) => probability);
  assert.deepEqual(odds, [...odds].sort((a, b) => b - a));
  assert.ok(Math.abs(odds.reduce((a, b) => a + b) - 1) < 1e-5);
  assert.equal(new Set(prediction.top.map(([name]) => name)).size, 10);
  assert.ok(reply.body.latency_us > 0);
  const seen = Buffer.from(prediction.image, "base64");
  assert.deepEqual([seen.readUInt32BE(16), seen.readUInt32BE(20)], [28, 28]);
  // What it saw can be posted again, as it is, and is the same to the bit.
  const again = await classify(seen, "?preprocess=none&top=10");
  assert.deepEqual(again.body.predictions[0].top, prediction.top);
});

test("a picture's bits do not depend on what else is asked at the same time", async () => {
  const bodies = Array.from({ length: 60 }, (_, i) => square([0, 1, 7][i % 3], 60 + i));
  const alone = [];
  for (const body of bodies) alone.push((await classify(body, "?top=10")).body.predictions);
  const together = await Promise.all(bodies.map((body) => classify(body, "?top=10")));
  assert.deepEqual(together.map((reply) => reply.body.predictions), alone);
});

test("options: top, threshold, image, and clear errors for others", async () => {
  const seven = square(7, 112);
  assert.equal((await classify(seven)).body.predictions[0].top.length, 3);
  assert.equal((await classify(seven, "?top=1")).body.predictions[0].top.length, 1);
  assert.equal((await classify(seven, "?top=1000")).body.predictions[0].top.length, 10);
  assert.equal(await label(seven, "?threshold=1"), null);
  assert.equal((await classify(seven)).body.predictions[0].image, undefined);
  for (const query of ["?top=0", "?top=x", "?threshold=2", "?threshold=nan", "?preprocess=magic", "?image=yes", "?early=1", "?top=1&top=2"]) {
    const reply = await classify(seven, query);
    assert.equal(reply.status, 400, query);
    assert.match(reply.body.detail, new RegExp(`"${/\?(\w+)/.exec(query)[1]}"`));
  }
});

test("by name and version, with every type that clients send", async () => {
  const seven = square(7, 112);
  for (const target of ["/v1/models/reader:classify", "/v1/models/reader/versions/1:classify", "/v1/models/reader%3Aclassify"])
    assert.equal(await label(seven, "", "image/png", target), "7", target);
  for (const type of ["image/png", "image/*", "application/octet-stream", "application/x-www-form-urlencoded", null])
    assert.equal(await label(seven, "", type), "7", String(type));
  for (const target of ["/v1/models/none:classify", "/v1/models/reader/versions/2:classify", "/v1/models/reader/versions/x:classify"])
    assert.equal((await classify(seven, "", "image/png", target)).status, 404, target);
  for (const type of ["application/json", "multipart/form-data; boundary=x", "text/plain"]) {
    const reply = await classify(seven, "", type);
    assert.equal(reply.status, 415, type);
    assert.match(reply.body.detail, /picture itself/);
  }
});

test("without a name it is the newest model that reads pictures, also after a model of series", async () => {
  const spec = smallJob({ top: { name: "waves", dataset: "series", data: { count: 400 } }, train: { steps: 5, validation: 0 } });
  const { id } = (await daemon.api("POST", "/v1/jobs", spec)).body;
  const job = await jobIn(daemon, id, endedStates);
  assert.equal(job.report.input, "series", JSON.stringify(job.error));
  const named = async () => (await classify(square(7, 112))).body.model;
  assert.equal(await named(), "reader");
  await daemon.end();
  daemon = await startDaemon({ state });
  await until("the predictor", async () => (await daemon.api("GET", "/readyz")).status === 200, 10000);
  assert.equal(await named(), "reader", "after a restart of the daemon");
  assert.equal((await daemon.api("DELETE", "/v1/models/waves/versions/1")).status, 204);
});

const chunkAt = (bytes, type) => bytes.indexOf(type, "latin1");
test("odd pictures: a code for each, and the predictor lives", async () => {
  const seven = square(7, 112);
  const huge = Buffer.from(seven);
  huge.writeUInt32BE(50000, 16);
  huge.writeUInt32BE(50000, 20);
  const flipped = Buffer.from(seven);
  flipped[chunkAt(seven, "IDAT") + 12] ^= 0x55;
  const cases = {
    empty: [Buffer.alloc(0), "bad-image"],
    "a text": [Buffer.from("hello"), "bad-image"],
    "783 bytes": [Buffer.alloc(783, 200), "bad-image"],
    "half a PNG": [seven.subarray(0, seven.length / 2), "bad-image"],
    "a PNG's head only": [seven.subarray(0, 8), "bad-image"],
    "a PNG with a flipped byte": [flipped, "bad-image"],
    "a PNG that claims 50000 x 50000": [huge, "bad-image"],
    "half a JPEG": [Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16, 0x4a, 0x46, 0x49, 0x46]), "bad-image"],
    "a blank sheet": [png(new Uint8Array(112 * 112).fill(255), 112, 112), "no-digit"],
    "a black sheet": [png(new Uint8Array(112 * 112), 112, 112), "no-digit"],
    "784 zeros": [Buffer.alloc(784), "no-digit"],
  };
  for (const [name, [body, code]] of Object.entries(cases)) {
    const reply = await classify(body);
    assert.equal(reply.body?.code, code, `${name}: ${reply.text}`);
    assert.equal(reply.status, 422, name);
  }
  assert.equal(await label(seven), "7");
});

test("kill -9 of the predictor: it is back by itself, and answers are right again", async () => {
  const [{ pid }] = childrenOf(daemon.child.pid).filter(({ command }) => command.endsWith("unroll-predict"));
  const seven = square(7, 112);
  const asking = Promise.all(Array.from({ length: 20 }, () => classify(seven)));
  process.kill(pid, "SIGKILL");
  // Held requests are retried once; whoever is answered 503 may come back.
  for (const reply of await asking) assert.ok([200, 503].includes(reply.status), reply.text);
  await until("the predictor", async () => (await daemon.api("GET", "/readyz")).status === 200, 10000);
  assert.equal(await label(seven), "7");
  assert.match((await daemon.api("GET", "/metrics")).text, /^unroll_predictor_restarts_total [1-9]/m);
});

test("models: listed, shown, removed", async () => {
  const list = (await daemon.api("GET", "/v1/models")).body;
  assert.deepEqual(list.items.map((item) => item.name), ["reader"]);
  const model = (await daemon.api("GET", "/v1/models/reader")).body;
  assert.equal(model.ready, true);
  assert.equal(model.model_version_status[0].state, "AVAILABLE");
  assert.equal(model.model_version_status[0].version, "1");
  assert.match(model.weights_sha256, /^[0-9a-f]{64}$/);
  assert.deepEqual((await daemon.api("GET", "/v1/models/reader/versions/1")).body.version, 1);
  assert.equal((await daemon.api("GET", "/v1/models/reader/versions/2")).status, 404);
  assert.equal((await daemon.api("DELETE", "/v1/models/reader/versions/1")).status, 204);
  assert.equal((await daemon.api("GET", "/v1/models/reader")).status, 404);
  assert.equal((await classify(square(7, 112))).body.code, "not-found");
});
