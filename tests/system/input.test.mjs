// Wrong jobs, wrong data, wrong pictures: each gets its code, names the field and the limit, and breaks nothing.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import test, { after, before } from "node:test";
import { gzipSync } from "node:zlib";
import { draw, endedStates, jobIn, png, raw, remove, smallJob, startDaemon, strokes, temporary, until } from "./lib.mjs";

const idx = (bytes, ...dims) => {
  const head = Buffer.alloc(4 + 4 * dims.length);
  head.set([0, 0, 8, dims.length]);
  dims.forEach((n, at) => head.writeUInt32BE(n, 4 + 4 * at));
  return Buffer.concat([head, Buffer.from(bytes)]);
};
const images = (n, width = 8) => idx(Uint8Array.from({ length: n * 8 * width }, (_, i) => (i * 37) % 256), n, 8, width);
const labels = (n, of = 4) => idx(Uint8Array.from({ length: n }, (_, i) => i % of), n);
const good = () => ({
  "train-images-idx3-ubyte.gz": gzipSync(images(200)),
  "train-labels-idx1-ubyte.gz": gzipSync(labels(200)),
  "t10k-images-idx3-ubyte": images(40),
  "t10k-labels-idx1-ubyte": labels(40),
});
const broken = {
  truncated: { "train-images-idx3-ubyte.gz": gzipSync(images(200)).subarray(0, 300) },
  beyond: { "t10k-labels-idx1-ubyte": labels(40, 9) },
  lying: { "t10k-images-idx3-ubyte": idx(new Uint8Array(64), 0xffffffff, 0xffffffff, 0xffffffff) },
  short: { "t10k-images-idx3-ubyte": images(40).subarray(0, 1000) },
  counts: { "t10k-labels-idx1-ubyte": labels(39) },
  rubbish: { "train-labels-idx1-ubyte.gz": Buffer.from("this is no gzip") },
};

// Too large to be augmented, and fine else.
const wide = { "train-images-idx3-ubyte.gz": gzipSync(images(200, 129)), "t10k-images-idx3-ubyte": images(40, 129) };

const folder = temporary();
for (const [name, files] of Object.entries({ fine: {}, wide, ...broken })) {
  mkdirSync(path.join(folder, name));
  for (const [file, bytes] of Object.entries({ ...good(), ...files })) writeFileSync(path.join(folder, name, file), bytes);
}

const line = (i) => `${i % 2 ? "up" : "down"},${Array.from({ length: 5 + (i % 4) }, (_, t) => (i % 2 ? t : -t) + 0.1 * i).join(",")}\n`;
const lines = (n) => Array.from({ length: n }, (_, i) => line(i)).join("");
const series = {
  waves: { "waves_TRAIN.tsv": lines(60).replaceAll(",", "\t"), "test.csv": `label,a,b\n${lines(20)}` },
  hole: { "train.csv.gz": gzipSync("1,2,NaN,3\n2,1,1,1\n"), "test.csv": "1,2\n" },
  alone: { "train.csv": "1,2\n2,3\n" },
};
for (const [name, files] of Object.entries(series)) {
  mkdirSync(path.join(folder, name));
  for (const [file, bytes] of Object.entries(files)) writeFileSync(path.join(folder, name, file), bytes);
}

let daemon;
before(async () => {
  daemon = await startDaemon({ args: ["--memory", "4G"], env: { UNROLL_DATASETS: folder } });
});
after(async () => {
  await daemon.stop();
  remove(folder);
});

async function refused(spec, status, code, pointers) {
  const reply = await daemon.api("POST", "/v1/jobs", spec);
  assert.equal(reply.status, status, reply.text);
  assert.equal(reply.headers.get("content-type"), "application/problem+json");
  assert.equal(reply.body.code, code);
  assert.equal(reply.body.status, status);
  assert.equal(reply.body.error, reply.body.detail);
  if (pointers) assert.deepEqual(reply.body.errors.map((error) => error.pointer).sort(), [...pointers].sort(), reply.text);
  for (const error of reply.body.errors) assert.ok(error.detail.length > 0);
  return reply.body;
}

test("all wrong fields of a job at once, each with its pointer and its limit", async () => {
  const body = await refused(
    {
      name: "../etc", tags: ["a", 5], dataset: 7, colour: "blue",
      model: { hidden: 0, cell: "transformer", layers: 9, readout: ["last"] },
      train: { batch: 5000, steps: "many", seed: -1, optimizer: { learning_rate: 0, lr: 1 } },
      run: { threads: 1.5, hosts: ["a"] },
    },
    422,
    "invalid-spec",
    ["/name", "/tags/1", "/dataset", "/colour", "/model/hidden", "/model/cell", "/model/layers", "/model/readout", "/train/batch",
      "/train/steps", "/train/seed", "/train/optimizer/learning_rate", "/train/optimizer/lr", "/run/threads", "/run/hosts"],
  );
  const detail = (pointer) => body.errors.find((error) => error.pointer === pointer).detail;
  assert.match(detail("/train/batch"), /1\.\.4096.*5000/);
  assert.match(detail("/model/hidden"), /1\.\.4096/);
  assert.match(detail("/train/steps"), /got a string/);
});

test("an unknown data set is told beside other wrong fields", async () => {
  const body = await refused(smallJob({ top: { dataset: "nope", colour: 1 } }), 422, "invalid-spec", ["/colour", "/dataset"]);
  assert.match(body.errors.find((error) => error.pointer === "/dataset").detail, /nope/);
  await refused(smallJob({ top: { dataset: "digits", colour: 1 } }), 422, "invalid-spec", ["/colour"]);
});

test("what is echoed is UTF-8", async () => {
  for (const target of ["/v1/jobs?%ff=1", "/v1/jobs?tag=%ff", `/v1/jobs?${"a".repeat(59)}%c3%a9=1`, "/%ff"]) {
    const reply = await fetch(daemon.url + target);
    assert.equal(reply.status, 400, target);
    new TextDecoder("utf-8", { fatal: true }).decode(await reply.arrayBuffer());
  }
});

test("texts that are no JSON object", async () => {
  for (const text of ["", "{", "[]", "3", "null", '{"dataset":"digits"', '{"dataset":"digits"}}', '{"dataset":"digits","dataset":"digits"}',
    '{"dataset":NaN}', '{"train":{"optimizer":{"learning_rate":1e400}},"dataset":"digits"}', '{"dataset":"dig\\u0000its"}', "{\"dataset\":\"\xff\"}", "[".repeat(1000),
    "[],".repeat(300000)]) {
    const reply = await daemon.api("POST", "/v1/jobs", Buffer.from(text, "latin1"), { "content-type": "application/json" });
    assert.equal(reply.status, 400, `${text.slice(0, 60)} ${reply.text}`);
    assert.equal(reply.body.code, "bad-json");
  }
  await refused({}, 422, "invalid-spec", ["/dataset"]);
});

test("a missing data set names those there are", async () => {
  const body = await refused(smallJob({ top: { dataset: "mnits" } }), 422, "unknown-dataset", ["/dataset"]);
  assert.match(body.detail, /"mnits".*digits/);
  await refused(smallJob({ train: { evaluate_on: "mnits" } }), 422, "unknown-dataset", ["/train/evaluate_on"]);
});

test("data sets that are damaged say what is wrong, before a job is taken", async () => {
  const settled = await until("the data sets to be looked at", async () => {
    const { items } = (await daemon.api("GET", "/v1/datasets")).body;
    return items.every((item) => ["ready", "damaged"].includes(item.state)) && items.length === 13 && items;
  });
  const said = {
    truncated: /gzip|ends|short|bytes/, beyond: /label 4 is 4|label \d+ is \d+/, lying: /must be|larger|bytes/, short: /bytes|short|ends/,
    counts: /40 images.*39 labels/, rubbish: /gzip|IDX|magic|first bytes/i,
  };
  for (const name of Object.keys(broken)) {
    assert.equal(settled.find((item) => item.name === name).state, "damaged", name);
    const body = await refused(smallJob({ top: { dataset: name } }), 422, "bad-dataset", ["/dataset"]);
    assert.match(body.detail, said[name], name);
    assert.doesNotMatch(body.detail, /\/tmp/, "no path of this machine");
  }
  const fine = settled.find((item) => item.name === "fine");
  assert.deepEqual([fine.steps, fine.width, fine.classes, fine.n_train, fine.n_test], [8, 8, 4, 200, 40]);
  await refused(smallJob({ top: { dataset: "fine" }, train: { validation: 200 } }), 422, "invalid-spec", ["/train/validation"]);
  const large = await refused(smallJob({ top: { dataset: "wide" }, train: { validation: 0, augment: {} } }), 422, "invalid-spec", ["/train/augment"]);
  assert.match(large.detail, /128 x 128 pixels.*8 x 129/);
});

test("series are found, checked and trained on, and no picture is shown to them", async () => {
  const { items } = (await daemon.api("GET", "/v1/datasets")).body;
  const set = (name) => items.find((item) => item.name === name);
  const { kind, state, steps, width, classes, n_train, n_test } = set("waves");
  assert.deepEqual([kind, state, steps, width, classes, n_train, n_test], ["series", "ready", 8, 1, 2, 60, 20]);
  assert.deepEqual([set("series").kind, set("series").steps, set("series").classes], ["series", 120, 6]);
  assert.match(set("hole").detail, /train\.csv\.gz: line 1, column 3: found "NaN", must be a number/);
  assert.match(set("alone").detail, /alone_TEST\.tsv is missing \(or test\.csv\)/);

  const wishes = { model: { scan: "columns" }, train: { validation: 0, augment: {}, evaluate_on: "fine" } };
  const job = (changes) => smallJob({ top: { dataset: "waves", name: "waves" }, train: { validation: 0 }, ...changes });
  await refused(job(wishes), 422, "invalid-spec", ["/model/scan", "/train/augment", "/train/evaluate_on"]);
  await refused({ ...job({}), data: { fresh: true } }, 422, "invalid-spec", ["/data/fresh"]);
  await refused(smallJob({ top: { dataset: "fine" }, train: { validation: 0, evaluate_on: "waves" } }), 422, "invalid-spec", ["/train/evaluate_on"]);

  const { body } = await daemon.api("POST", "/v1/jobs", job({}));
  assert.equal((await jobIn(daemon, body.id, endedStates)).state, "succeeded");
  const picture = png(new Uint8Array(112 * 112).fill(255), 112, 112);
  const answer = await until("the model to be loaded", async () => {
    const reply = await daemon.api("POST", "/v1/models/waves:classify", picture, { "content-type": "image/png" });
    return reply.status !== 404 && reply.status !== 503 && reply;
  });
  assert.deepEqual([answer.status, answer.body.code], [422, "wrong-input"], answer.text);
  assert.match(answer.body.detail, /series of up to 8 values/);
  const unnamed = () => daemon.api("POST", "/v1/classify", png(draw(strokes[7]), 112, 112), { "content-type": "image/png" });
  const none = await unnamed();
  assert.deepEqual([none.status, none.body.code], [404, "not-found"], none.text);
  assert.match(none.body.detail, /reads pictures/);
  assert.deepEqual((await daemon.api("GET", "/v1/models")).body.items.map(({ name, input }) => [name, input]), [["waves", "series"]]);
});

test("a job too big for the machine is told the numbers", async () => {
  const body = await refused(smallJob({ model: { hidden: 4096 }, train: { batch: 4096 } }), 422, "job-too-big", ["/model/hidden", "/train/batch"]);
  assert.match(body.detail, /needs \d+ bytes.*gives 4294967296/);
});

test("a body of the wrong type, and too large a one", async () => {
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]) {
    const reply = await daemon.api("POST", "/v1/jobs", JSON.stringify(smallJob()), { "content-type": type });
    assert.equal(reply.status, 415, type);
    assert.equal(reply.body.code, "unsupported-media-type");
  }
  const large = await daemon.api("POST", "/v1/jobs", `{"name":"${"a".repeat(1 << 20)}"}`, { "content-type": "application/json" });
  assert.equal(large.status, 413);
  assert.match(large.body.detail, /1048576/);
});

test("names that could be paths reach no file", async () => {
  for (const name of ["..", ".", "a/b", "a\\b", "/etc/passwd", "..%2f..", "a\u0000b", "a".repeat(65), "<img onerror=x>", "a\r\nb", "é"])
    for (const spec of [{ name, dataset: "digits" }, { dataset: name }, { dataset: "digits", tags: [name] }]) {
      const reply = await daemon.api("POST", "/v1/jobs", spec);
      assert.ok([400, 422].includes(reply.status), JSON.stringify(spec));
    }
  for (const target of ["/v1/jobs/%2e%2e", "/v1/jobs/..%2f..%2fetc", "/v1/models/%2e%2e%5c", "/v1/models/%00", "/js/%2e%2e/%2e%2e/etc/passwd", "/vendor//etc/passwd", "/v1/models/a%252fb"])
    assert.ok([400, 404].includes((await raw(daemon.port, `GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`)).replies[0].status), target);
});

test("after all that: the same daemon trains a job", async () => {
  assert.equal(daemon.child.exitCode, null);
  const { body } = await daemon.api("POST", "/v1/jobs", smallJob({ top: { dataset: "fine", data: undefined }, train: { steps: 20, validation: 20 } }));
  const job = await jobIn(daemon, body.id, endedStates);
  assert.equal(job.state, "succeeded", JSON.stringify(job.error));
});
