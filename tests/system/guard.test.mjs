// What the daemon refuses before it looks at a request: hosts, origins, framing, paths, sizes. Each on a raw socket,
// because a well-behaved client cannot even say most of it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import net from "node:net";
import test, { after, before } from "node:test";
import { raw, sleep, startDaemon, until } from "./lib.mjs";

let daemon;
before(async () => {
  daemon = await startDaemon({ args: ["--allowed-hosts", "box"] });
});
after(() => daemon.stop());

const head = (first, ...lines) => [first, ...lines, "", ""].join("\r\n");
const codeOf = (reply) => (/problem\+json/.test(reply.head) ? JSON.parse(reply.body).code : null);
const next = head("GET /livez HTTP/1.1", "Host: localhost");

/** The request is refused with that status, the connection ends, and what follows is never answered. */
async function refused(bytes, status, code) {
  const answer = await raw(daemon.port, bytes + next);
  assert.equal(answer.closed, true, answer.text);
  assert.doesNotMatch(answer.text, /^HTTP\/1\.1 200/m);
  assert.equal(answer.replies[0]?.status, status, answer.text);
  if (code) {
    assert.equal(codeOf(answer.replies[0]), code);
    assert.match(answer.replies[0].head, /^connection: close/im);
    assert.match(answer.replies[0].head, /^x-request-id: \S+/im);
  }
}

test("hosts: the allow-list, with our port or without", async () => {
  for (const [host, status] of [
    ["localhost", 200], [`localhost:${daemon.port}`, 200], ["127.0.0.1", 200], [`[::1]:${daemon.port}`, 200], ["box", 200],
    ["evil.example", 403], [`evil.example:${daemon.port}`, 403], ["localhost:1", 403], ["localhost.evil.example", 403],
    ["127.0.0.2", 403], ["", 403],
  ])
    // Every kind of answer: inline, on the pool, static, none; and the head of a stream.
    for (const target of ["/livez", "/v1/jobs", "/", "/nowhere", "/v1/events"]) {
      const bodiless = target === "/v1/events";
      const answer = await raw(daemon.port, head(`${bodiless ? "HEAD" : "GET"} ${target} HTTP/1.1`, `Host: ${host}`), { bodiless });
      assert.equal(answer.replies[0].status, status === 200 && target === "/nowhere" ? 404 : status, `${host} ${target}`);
      if (status === 403 && !bodiless) assert.equal(codeOf(answer.replies[0]), "forbidden-host");
    }
});

test("origins: every method but GET and HEAD needs our own or none", async () => {
  const own = `http://localhost:${daemon.port}`;
  for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
    for (const [lines, allowed] of [
      [[], true],
      [[`Origin: ${own}`], true],
      [[`Origin: ${own}`, "Sec-Fetch-Site: same-origin"], true],
      [["Sec-Fetch-Site: none"], true],
      [["Origin: null"], false],
      [["Origin: http://evil.example"], false],
      [[`Origin: http://localhost:${daemon.port}1`], false],
      [["Sec-Fetch-Site: cross-site"], false],
      [[`Origin: ${own}`, "Sec-Fetch-Site: cross-site"], false],
    ])
      for (const target of ["/v1/jobs/j1", "/", "/v1/classify"]) {
        const answer = await raw(daemon.port, head(`${method} ${target} HTTP/1.1`, `Host: localhost:${daemon.port}`, ...lines), { bodiless: method === "HEAD" });
        const status = answer.replies[0].status;
        const what = `${method} ${target} ${lines}`;
        if (allowed || method === "GET" || method === "HEAD") assert.notEqual(status, 403, what);
        else assert.equal(status, 403, what);
        assert.doesNotMatch(answer.text, /^access-control-/im, what);
      }
});

const post = "POST /v1/jobs HTTP/1.1";
const json = "Content-Type: application/json";
const framing = {
  "two hosts": [head("GET /livez HTTP/1.1", "Host: localhost", "Host: evil.example"), 400, "bad-request"],
  "two equal hosts": [head("GET /livez HTTP/1.1", "Host: localhost", "Host: localhost"), 400, "bad-request"],
  "no host": [head("GET /livez HTTP/1.1"), 400],
  "no host in 1.0": [head("GET /livez HTTP/1.0"), 400, "bad-request"],
  "length and chunks": [head(post, "Host: localhost", json, "Content-Length: 5", "Transfer-Encoding: chunked") + "0\r\n\r\n", 400, "bad-request"],
  "chunks and length": [head(post, "Host: localhost", json, "Transfer-Encoding: chunked", "Content-Length: 5") + "0\r\n\r\n", 400, "bad-request"],
  "two lengths": [head(post, "Host: localhost", json, "Content-Length: 2", "Content-Length: 60") + "{}", 400, "bad-request"],
  "two equal lengths": [head(post, "Host: localhost", json, "Content-Length: 2", "Content-Length: 2") + "{}", 400, "bad-request"],
  "a blank before the colon": [head(post, "Host: localhost", json, "Content-Length : 2") + "{}", 400],
  "a negative length": [head(post, "Host: localhost", json, "Content-Length: -1"), 400],
  "a length with a plus": [head(post, "Host: localhost", json, "Content-Length: +2") + "{}", 400],
  "a length in hex": [head(post, "Host: localhost", json, "Content-Length: 0x2") + "{}", 400],
  "a length past 64 bits": [head(post, "Host: localhost", json, "Content-Length: 99999999999999999999"), 413],
  "an unknown coding": [head(post, "Host: localhost", json, "Transfer-Encoding: gzip, chunked") + "0\r\n\r\n", 400, "bad-request"],
  "a coding with an odd blank": [head(post, "Host: localhost", json, "Transfer-Encoding: \x0bchunked") + "0\r\n\r\n", 400, "bad-request"],
  "chunks in 1.0": [head("POST /v1/jobs HTTP/1.0", "Host: localhost", json, "Transfer-Encoding: chunked") + "0\r\n\r\n", 400, "bad-request"],
  "a control character in a value": [head("GET /livez HTTP/1.1", "Host: localhost", "X-A: a\x01b"), 400, "bad-request"],
  "an odd header name": [head("GET /livez HTTP/1.1", "Host: localhost", "X(A): b"), 400, "bad-request"],
  "a blank inside a header name": [head("GET /livez HTTP/1.1", "Host: localhost", "X A: b"), 400],
  "the absolute form": [head("GET http://localhost/livez HTTP/1.1", "Host: localhost"), 400, "bad-request"],
  "an authority": [head("GET localhost HTTP/1.1", "Host: localhost"), 400, "bad-request"],
  "a star": [head("OPTIONS * HTTP/1.1", "Host: localhost"), 400, "bad-request"],
  "HTTP/1.2": [head("GET /livez HTTP/1.2", "Host: localhost"), 400],
  "a packed body": [head(post, "Host: localhost", json, "Content-Encoding: gzip", "Content-Length: 2") + "{}", 415, "unsupported-media-type"],
  "an unknown expectation": [head(post, "Host: localhost", json, "Expect: cake", "Content-Length: 2") + "{}", 400, "bad-request"],
  "dots": [head("GET /js/../v1/jobs HTTP/1.1", "Host: localhost"), 400, "bad-request"],
  "escaped dots": [head("GET /js/%2e%2e/v1/jobs HTTP/1.1", "Host: localhost"), 400, "bad-request"],
  "an escaped slash": [head("GET /js%2fmain.js HTTP/1.1", "Host: localhost"), 400, "bad-request"],
  "a backslash": [head("GET /js\\main.js HTTP/1.1", "Host: localhost"), 400, "bad-request"],
  "an escaped backslash": [head("GET /js%5c..%5cx HTTP/1.1", "Host: localhost"), 400, "bad-request"],
  "an escaped NUL": [head("GET /livez%00.html HTTP/1.1", "Host: localhost"), 400, "bad-request"],
  "an escaped NUL in a parameter": [head("GET /v1/jobs?tag=%00 HTTP/1.1", "Host: localhost"), 400, "bad-request"],
  "an escaped line feed": [head("GET /v1/jobs?tag=%0a HTTP/1.1", "Host: localhost"), 400, "bad-request"],
  "half an escape": [head("GET /livez%2 HTTP/1.1", "Host: localhost"), 400, "bad-request"],
  "a raw byte beyond ASCII": [head("GET /liv\xffez HTTP/1.1", "Host: localhost"), 400, "bad-request"],
  "a long address": [head(`GET /${"a".repeat(5000)} HTTP/1.1`, "Host: localhost"), 414, "uri-too-long"],
  "many headers": [head("GET /livez HTTP/1.1", "Host: localhost", ...Array.from({ length: 100 }, (_, i) => `X-${i}: 1`)), 400, "bad-request"],
};
for (const [name, [bytes, status, code]] of Object.entries(framing))
  test(`framing: ${name} is refused and the connection ends`, () => refused(Buffer.from(bytes, "latin1").toString("latin1"), status, code));

test("headers beyond the connection's memory are 431", async () => {
  const answer = await raw(daemon.port, head("GET /livez HTTP/1.1", "Host: localhost", `X-Long: ${"a".repeat(30000)}`));
  assert.equal(answer.replies[0].status, 431);
});

test("what is fine stays fine: pipelining, keep-alive, chunks, 100-continue, HTTP/1.0", async () => {
  const two = await raw(daemon.port, next + next, { count: 2 });
  assert.deepEqual(two.replies.map((reply) => reply.status), [200, 200]);
  const pool = head("GET /v1/jobs HTTP/1.1", "Host: localhost");
  const three = await raw(daemon.port, pool + next + pool, { count: 3 });
  assert.deepEqual(three.replies.map((reply) => reply.status), [200, 200, 200]);
  const chunks = await raw(daemon.port, head(post, "Host: localhost", json, "Transfer-Encoding: chunked") + "1\r\n{\r\n1;x=y\r\n}\r\n0\r\n\r\n");
  assert.equal(codeOf(chunks.replies[0]), "invalid-spec");
  const expect = await raw(daemon.port, head(post, "Host: localhost", json, "Expect: 100-continue", "Content-Length: 2") + "{}");
  assert.match(expect.text, /^HTTP\/1\.1 100/);
  assert.equal(expect.replies[0].status, 422);
  const old = await raw(daemon.port, head("GET /livez HTTP/1.0", "Host: localhost"));
  assert.equal(old.replies[0].status, 200);
});

test("a body of 10 GB is refused at once, and the answer names the limit", async () => {
  for (const [target, type, limit] of [["/v1/jobs", "application/json", "1048576"], ["/v1/classify", "image/png", "10485760"]]) {
    const start = head(`POST ${target} HTTP/1.1`, "Host: localhost", `Content-Type: ${type}`, "Content-Length: 10000000000");
    const quiet = await raw(daemon.port, start);
    assert.equal(quiet.replies[0].status, 413);
    assert.match(JSON.parse(quiet.replies[0].body).detail, new RegExp(`10000000000 .*${limit}`));
    // A client that sends without looking reads the same answer, not a reset.
    const eager = await raw(daemon.port, (socket) => {
      socket.write(start);
      for (let i = 0; i < 40; i++) socket.write(Buffer.alloc(65536));
    });
    assert.equal(eager.replies[0].status, 413);
    assert.equal(codeOf(eager.replies[0]), "too-large");
  }
});

test("a chunked body without end is cut at the limit, with the reason", async () => {
  const answer = await raw(daemon.port, (socket) => {
    socket.write(head(post, "Host: localhost", json, "Transfer-Encoding: chunked"));
    const chunk = Buffer.concat([Buffer.from("10000\r\n"), Buffer.alloc(65536, 0x20), Buffer.from("\r\n")]);
    // One chunk a turn of the event loop: a client that never looks cannot read an answer either.
    const more = () => {
      if (socket.destroyed) return;
      if (socket.write(chunk)) setImmediate(more);
      else socket.once("drain", () => setImmediate(more));
    };
    more();
  });
  assert.equal(answer.closed, true);
  assert.equal(answer.replies[0].status, 413);
  assert.match(JSON.parse(answer.replies[0].body).detail, /1048576/);
});

const residentKB = () => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${daemon.child.pid}/status`, "utf8"))[1]);

test("a million chunks of one byte cost no memory", async () => {
  const before = residentKB();
  const answer = await raw(daemon.port, (socket) => {
    socket.write(head(post, "Host: localhost", json, "Transfer-Encoding: chunked"));
    const chunks = Buffer.from("1\r\n \r\n".repeat(10000));
    let left = 100;
    const more = () => {
      while (left > 0) {
        left--;
        if (!socket.write(chunks)) return socket.once("drain", more);
      }
      socket.write("0\r\n\r\n");
    };
    more();
  }, { timeoutMs: 60000 });
  assert.equal(codeOf(answer.replies[0]), "bad-json");
  assert.ok(residentKB() - before < 4096, `${residentKB() - before} KB`);
});

test("a head that trickles is cut, while others are served", async () => {
  const started = Date.now();
  const socket = net.connect(daemon.port, "127.0.0.1");
  let ended = false;
  socket.on("close", () => (ended = true));
  socket.on("error", () => {});
  socket.write("GET /livez HTTP/1.1\r\nHost: localhost\r\n");
  const drip = setInterval(() => socket.write("X: y\r\n"), 200);
  try {
    await until("the end of the slow connection", async () => {
      assert.equal((await daemon.api("GET", "/livez")).status, 200);
      await sleep(100);
      return ended;
    }, 30000);
  } finally {
    clearInterval(drip);
    socket.destroy();
  }
  assert.ok(Date.now() - started >= 9000, "the deadline is ten seconds, not less");
  assert.match((await daemon.api("GET", "/metrics")).text, /^unroll_http_cut_total [1-9]/m);
});

test("no answer shows a path, a pointer or a statement of the database", async () => {
  for (const target of ["/nowhere", "/v1/jobs/j1", "/v1/models/none", "/js/none.js", "/v1/jobs?limit=0", "/v1/jobs/j1/log"]) {
    const { status, text } = await daemon.api("GET", target);
    assert.ok(status >= 400, target);
    assert.doesNotMatch(text, /0x[0-9a-f]|sqlite|select |\/tmp|\/home|\.c:/i, target);
  }
});

test("every answer carries a request number of its own and the strict headers", async () => {
  const numbers = new Set();
  for (const target of ["/", "/livez", "/v1/jobs", "/nowhere", "/openapi.json"]) {
    const { headers } = await daemon.api("GET", target);
    numbers.add(headers.get("x-request-id"));
    assert.match(headers.get("content-security-policy"), /default-src 'self'.*frame-ancestors 'none'/);
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("referrer-policy"), "no-referrer");
    assert.equal(headers.get("cross-origin-resource-policy"), "same-origin");
  }
  assert.equal(numbers.size, 5);
});
