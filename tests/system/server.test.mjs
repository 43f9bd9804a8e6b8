// The daemon itself: health, numbers for Prometheus, settings, the page's files, memory, starting and stopping.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import test, { after, before } from "node:test";
import { gunzipSync } from "node:zlib";
import http from "node:http";
import net from "node:net";
import { bin, remove, root, sleep, startDaemon, temporary, until } from "./lib.mjs";

let daemon;
before(async () => {
  daemon = await startDaemon();
});
after(() => daemon.stop());

/** Fetch unpacks bodies and tidies paths by itself; this does not. */
const plain = (target, headers = {}, method = "GET", port = daemon.port) =>
  new Promise((resolve, reject) =>
    http
      .request({ host: "127.0.0.1", port, path: target, headers, method }, (reply) => {
        const chunks = [];
        reply.on("data", (chunk) => chunks.push(chunk));
        reply.on("end", () => resolve({ status: reply.statusCode, headers: reply.headers, bytes: Buffer.concat(chunks) }));
      })
      .on("error", reject)
      .end(),
  );

test("health answers at once, HEAD like GET", async () => {
  for (const target of ["/livez", "/healthz", "/readyz"]) {
    const get = await until(target, async () => {
      const reply = await plain(target);
      return reply.status === 200 && reply;
    }, 5000);
    assert.equal(JSON.parse(get.bytes).status, "ok");
    const head = await plain(target, {}, "HEAD");
    assert.equal(head.status, 200);
    assert.equal(head.bytes.length, 0);
    assert.equal(head.headers["content-length"], get.headers["content-length"]);
  }
});

test("an idle daemon takes less than 20 MB", (context) => {
  const libraries = execFileSync("ldd", [path.join(bin, "unrolld")], { encoding: "utf8" });
  if (/lib[at]san/.test(libraries)) return context.skip("a sanitizer's shadow is counted too");
  const kb = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${daemon.child.pid}/status`, "utf8"))[1]);
  assert.ok(kb < 20 * 1024, `${kb} KB`);
});

/** Parses text 0.0.4 strictly: one HELP and TYPE a family, its lines together, no series twice, LF at the end. */
function parseMetrics(text) {
  assert.ok(text.endsWith("\n"));
  assert.doesNotMatch(text, /\r|\n\n/);
  const families = new Map();
  const series = new Map();
  let current;
  for (const line of text.trimEnd().split("\n")) {
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.+)$/.exec(line);
    if (comment) {
      const [, kind, name, rest] = comment;
      if (kind === "HELP") {
        assert.ok(!families.has(name), `${name} comes twice`);
        families.set(name, {});
        current = name;
      } else {
        assert.equal(name, current);
        families.get(name).type = rest;
      }
      continue;
    }
    const sample = /^([a-zA-Z_:][\w:]*)(\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\.)*",?)*\})? (\S+)$/.exec(line);
    assert.ok(sample, line);
    const [, name, labels = "", value] = sample;
    const type = families.get(current)?.type;
    const allowed = type === "histogram" ? [`${current}_bucket`, `${current}_sum`, `${current}_count`] : [current];
    assert.ok(allowed.includes(name), `${line} stands under ${current}`);
    assert.equal(type === "counter", /_total$/.test(name), line);
    assert.ok(!Number.isNaN(Number(value)) || /^[+-]?Inf$|^NaN$/.test(value), line);
    assert.ok(!series.has(name + labels), line);
    series.set(name + labels, Number(value));
  }
  return series;
}

test("/metrics is clean text 0.0.4 with the standard process numbers and bounded labels", async () => {
  await daemon.api("GET", "/some/odd/path");
  await daemon.api("GET", "/v1/jobs/j1");
  const { headers, text } = await daemon.api("GET", "/metrics");
  assert.equal(headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  const series = parseMetrics(text);
  for (const name of ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_virtual_memory_bytes", "process_open_fds",
    "process_max_fds", "process_start_time_seconds", 'unroll_jobs{state="running"}', "unroll_steps_total", "unroll_images_total",
    "unroll_worker_restarts_total", "unroll_watchers", "unroll_events_total", "unroll_event_gaps_total", "unroll_predictions_total"])
    assert.ok(series.has(name), name);
  assert.ok([...series.keys()].some((key) => /^unroll_build_info\{version="[^"]+"\}$/.test(key)));
  assert.ok(Math.abs(series.get("process_start_time_seconds") - Date.now() / 1000) < 600);
  assert.ok(series.get("process_open_fds") > 5);
  assert.equal(series.get('unroll_http_requests_total{method="GET",route="/v1/jobs/{id}",class="4xx"}'), 1);
  assert.doesNotMatch(text, /odd|j1/);
  const count = series.get("unroll_http_request_duration_seconds_count");
  assert.equal(series.get('unroll_http_request_duration_seconds_bucket{le="+Inf"}'), count);
  const buckets = [...series].filter(([key]) => key.startsWith("unroll_http_request_duration_seconds_bucket")).map(([, value]) => value);
  assert.deepEqual(buckets, [...buckets].sort((a, b) => a - b));
});

test("system and settings tell what runs and where each value came from", async () => {
  const system = (await daemon.api("GET", "/v1/system")).body;
  assert.ok(system.cores >= 1 && system.memory_bytes > 1e8);
  assert.ok(system.budget.threads >= 1 && system.budget.memory_bytes > 0);
  assert.equal(system.limits.json_bytes, 1 << 20);
  assert.match(system.versions.libmicrohttpd, /^\d/);
  const { items } = (await daemon.api("GET", "/v1/config")).body;
  const shipped = JSON.parse(readFileSync(path.join(root, "config/unrolld.json"), "utf8"));
  const names = items.map((item) => item.name);
  for (const name of Object.keys(shipped)) assert.ok(names.includes(name), name);
  assert.equal(items.find((item) => item.name === "listen").source, "flag");
  assert.equal(items.find((item) => item.name === "max_jobs").source, "default");
});

test("the page and its files: types, ETags for each coding, 304, HEAD", async () => {
  const page = await plain("/");
  assert.equal(page.status, 200);
  assert.match(page.headers["content-type"], /^text\/html/);
  const links = [...page.bytes.toString().matchAll(/(?:src|href)="(\/[^"]+)"/g)].map((match) => match[1]);
  assert.ok(links.length > 0);
  for (const target of ["/", "/index.html", "/favicon.svg", "/openapi.json", ...links]) {
    const whole = await plain(target);
    assert.equal(whole.status, 200, target);
    assert.match(whole.headers.etag, /^"[0-9a-f]+"$/);
    assert.equal(whole.headers["content-encoding"], undefined);
    const packed = await plain(target, { "accept-encoding": "br;q=1, gzip;q=0.8" });
    if (packed.headers["content-encoding"] === "gzip") {
      assert.deepEqual(gunzipSync(packed.bytes), whole.bytes, target);
      assert.notEqual(packed.headers.etag, whole.headers.etag);
      assert.equal(packed.headers.vary, "Accept-Encoding");
    }
    const refusing = await plain(target, { "accept-encoding": "gzip;q=0" });
    assert.equal(refusing.headers["content-encoding"], undefined);
    for (const reply of [whole, packed]) {
      const again = await plain(target, { "accept-encoding": reply === packed ? "gzip" : "identity", "if-none-match": reply.headers.etag });
      assert.equal(again.status, 304, target);
      assert.equal(again.bytes.length, 0);
      assert.equal(again.headers.etag, reply.headers.etag);
    }
    const head = await plain(target, {}, "HEAD");
    assert.equal(head.headers["content-length"], whole.headers["content-length"]);
    assert.equal(head.bytes.length, 0);
  }
  assert.equal((await plain("/favicon.ico")).status, 308);
  assert.equal((await plain("/presets/smoke.json")).status, 404);
});

test("wrong methods are told the right ones", async () => {
  for (const [method, target, allow] of [["PUT", "/v1/jobs", "POST, GET, HEAD"], ["POST", "/livez", "GET, HEAD"], ["GET", "/v1/classify", "POST"], ["DELETE", "/", "GET, HEAD"], ["OPTIONS", "/v1/jobs", "POST, GET, HEAD"]]) {
    const reply = await plain(target, {}, method);
    assert.equal(reply.status, 405, target);
    assert.equal(reply.headers.allow, allow);
    assert.equal(JSON.parse(reply.bytes).code, "method-not-allowed");
  }
});

test("--web-dir serves a folder, and nothing outside it", async () => {
  const folder = temporary();
  const secret = path.join(temporary(), "secret.js");
  writeFileSync(secret, "secret");
  mkdirSync(path.join(folder, "js"));
  writeFileSync(path.join(folder, "index.html"), "<!doctype html>mine");
  writeFileSync(path.join(folder, "js", "own.mjs"), "export {};");
  symlinkSync(secret, path.join(folder, "js", "link.js"));
  symlinkSync(path.dirname(secret), path.join(folder, "js", "out"));
  const own = await startDaemon({ args: ["--web-dir", folder] });
  try {
    assert.equal((await own.api("GET", "/")).text, "<!doctype html>mine");
    const module = await own.api("GET", "/js/own.mjs");
    assert.match(module.headers.get("content-type"), /^text\/javascript/);
    assert.ok(module.headers.get("etag"));
    writeFileSync(path.join(folder, "index.html"), "changed");
    assert.equal((await own.api("GET", "/")).text, "changed");
    for (const target of ["/js/link.js", "/js/out/secret.js", "/js/%2e%2e/index.html", "/js/../index.html", "/js/out", "/js/nothing.js"]) {
      const reply = await plain(target, {}, "GET", own.port);
      assert.ok([400, 404].includes(reply.status), target);
      assert.doesNotMatch(reply.bytes.toString(), /^secret|^changed/, target);
    }
    assert.equal((await own.api("GET", "/openapi.json")).status, 200, "what the folder lacks comes from the program");
  } finally {
    await own.stop();
    remove(folder);
    remove(path.dirname(secret));
  }
});

test("unrolld links no BLAS, no OpenMP and no image library", () => {
  const dynamic = execFileSync("readelf", ["-d", path.join(bin, "unrolld")], { encoding: "utf8" });
  const needed = [...dynamic.matchAll(/\(NEEDED\).*\[(.+)\]/g)].map((match) => match[1]);
  assert.ok(needed.some((library) => library.startsWith("libmicrohttpd")));
  assert.doesNotMatch(needed.join(" "), /blas|gomp|libomp|libmpi|libpng|libjpeg/);
  assert.doesNotMatch(execFileSync("ldd", [path.join(bin, "unrolld")], { encoding: "utf8" }), /blas|gomp|libomp|libmpi|libpng|libjpeg/);
});

test("the daemon makes no connection of its own and listens on one loopback port", () => {
  const inodes = new Set(
    execFileSync("sh", ["-c", `readlink /proc/${daemon.child.pid}/fd/*`], { encoding: "utf8" })
      .split("\n").map((line) => /socket:\[(\d+)\]/.exec(line)?.[1]).filter(Boolean),
  );
  const sockets = ["tcp", "tcp6", "udp", "udp6"].flatMap((kind) =>
    readFileSync(`/proc/${daemon.child.pid}/net/${kind}`, "utf8").split("\n").slice(1).map((line) => line.trim().split(/\s+/))
      .filter((fields) => inodes.has(fields[9])).map((fields) => ({ kind, local: fields[1], state: fields[3] })));
  const listening = sockets.filter((socket) => socket.state === "0A");
  assert.equal(listening.length, 1);
  assert.match(listening[0].local, /^0100007F:/);
  for (const socket of sockets) assert.ok(socket.kind.startsWith("tcp") && socket.local.split(":")[1] === listening[0].local.split(":")[1]);
});

test("starts and stops twenty times, under requests, with exit code 0 each time", async () => {
  const state = temporary();
  for (let round = 0; round < 20; round++) {
    const own = await startDaemon({ state });
    let open = true;
    const clients = Array.from({ length: 4 }, async () => {
      while (open)
        try {
          const { status } = await own.api("GET", "/v1/jobs");
          assert.ok([200, 503].includes(status), String(status));
        } catch (error) {
          if (error.code === "ERR_ASSERTION") throw error;
          return; // it is gone
        }
    });
    await own.api("GET", "/livez");
    const end = await own.end("SIGTERM");
    open = false;
    await Promise.all(clients);
    assert.deepEqual([end.code, end.signal], [0, null], end.log);
  }
  remove(state);
});

test("more clients than descriptors: it neither spins nor floods its log, and serves again afterwards", async () => {
  const own = await startDaemon({ wrap: ["prlimit", "--nofile=64:64"] });
  const cpuSeconds = () => {
    const fields = readFileSync(`/proc/${own.child.pid}/stat`, "utf8").split(") ")[1].split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  };
  const sockets = Array.from({ length: 200 }, () => {
    const socket = net.connect(own.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return socket;
  });
  let served = 0;
  for (const socket of sockets) socket.once("data", () => served++);
  await until("as many answers as connections are allowed", () => served >= 32, 10000);
  const before = cpuSeconds();
  await sleep(2000);
  assert.ok(cpuSeconds() - before < 0.5, `${cpuSeconds() - before} s of processor time in 2 s of nothing to do`);
  assert.ok(own.log().split("\n").length < 100, own.log());
  for (const socket of sockets) socket.destroy();
  await until("an answer", async () => (await own.api("GET", "/livez")).status === 200, 10000);
  const end = await own.stop();
  assert.deepEqual([end.code, end.signal], [0, null], end.log);
});
