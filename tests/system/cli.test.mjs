// The command line against a daemon that misbehaves on purpose: streams that break, refusals, silence, hostile texts.
// The real daemon is asked by the other system tests; here it is played, so that each fault comes when it should.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
const bin = process.env.UR_BIN_DIR ?? path.join(root, 'build/release/bin');
const folder = mkdtempSync(path.join(os.tmpdir(), 'unroll-cli-'));
const file = (name, bytes) => {
  const full = path.join(folder, name);
  writeFileSync(full, bytes);
  return full;
};

let server;
let url;
let answer; // (request, response, body, number of requests before this one): the daemon of the test at hand
let seen = [];

before(async () => {
  server = http.createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      seen.push({ method: request.method, url: request.url, headers: request.headers, body });
      answer(request, response, body, seen.length - 1);
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${server.address().port}`;
});

after(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

function start(...words) {
  seen = [];
  const child = spawn(path.join(bin, 'unroll'), words, { env: { ...process.env, UNROLL_URL: url }, stdio: ['ignore', 'pipe', 'pipe'] });
  const result = { child, stdout: '', stderr: '' };
  child.stdout.on('data', (text) => (result.stdout += text));
  child.stderr.on('data', (text) => (result.stderr += text));
  result.done = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout: result.stdout, stderr: result.stderr }));
  });
  return result;
}
const run = (...words) => start(...words).done;

const json = (response, status, document) => {
  response.writeHead(status, { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' });
  response.end(JSON.stringify(document));
};
const problem = (response, status, code, detail, errors = []) =>
  json(response, status, { type: `urn:unroll:problem:${code}`, title: `The title of ${code}.`, status, detail, code, errors, error: detail });

const ended = (state, more = {}) => ({ id: 'j1', state, progress: 1, report: { test: { accuracy: 0.97, images: 1000 }, seconds: 3.5 },
  model: { name: 'smoke', version: 2 }, weights_sha256: 'ab'.repeat(32), ...more });
const event = (number, name, data) => `id: j1:${number}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
const events = (last) => [['state', { job: 'j1', state: 'running', phase: 'loading' }],
  ...[1, 2, 3, 4, 5, 6].map((step) => ['step', { job: 'j1', step, loss: step === 3 ? null : 1 / step, accuracy: 0.5, progress: step / 6 }]),
  ['epoch', { epoch: 1, train_loss: 0.5, train_accuracy: 0.8, validation_loss: 0.4, validation_accuracy: 0.85 }], ['end', last]];

/** Streams events after the client's last one; every `each` of them the connection breaks in the middle of the next. */
function streaming(last, each = 1000) {
  const all = events(last);
  return (request, response) => {
    if (!request.url.endsWith('/events')) return json(response, 200, last);
    const from = Number((request.headers['last-event-id'] ?? 'j1:0').split(':')[1]);
    if (from >= all.length) return response.writeHead(204).end();
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('retry: 10\n: connected\n\n');
    const piece = all.slice(from, from + each).map(([name, data], i) => event(from + i + 1, name, data));
    response.write(piece.join(''));
    if (from + each >= all.length) return response.end();
    response.write(`id: j1:${from + each + 1}\nevent: st`, () => setTimeout(() => response.destroy(), 20));
  };
}

test('watching survives broken streams: every event once, in order', async () => {
  answer = streaming(ended('succeeded'), 2);
  const { code, stdout } = await run('watch', 'j1', '--json');
  assert.equal(code, 0);
  const lines = stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(lines.map((line) => line.id), events().map((_, i) => `j1:${i + 1}`));
  assert.equal(lines.at(-1).event, 'end');
  assert.deepEqual(seen.filter((request) => request.url.endsWith('/events')).map((request) => request.headers['last-event-id']),
    [undefined, 'j1:2', 'j1:4', 'j1:6', 'j1:8']);
});

test('a watcher ends with the exit code of its job', async () => {
  for (const [state, error, want] of [['succeeded', null, 0], ['stopped', null, 0], ['diverged', { code: 'diverged', detail: 'At step 3.' }, 6],
    ['cancelled', null, 8], ['failed', { code: 'bad-dataset', detail: 'A label is 12.' }, 3], ['failed', { code: 'new-in-2030' }, 70]]) {
    answer = streaming(ended(state, { error }));
    const { code, stdout, stderr } = await run('watch', 'j1');
    assert.equal(code, want, state);
    assert.match(stdout, new RegExp(`^${state}`));
    if (error?.detail) assert.ok(stderr.includes(error.detail));
  }
});

test('submit sends the file as it is, prints the id, and can follow', async () => {
  const spec = file('job.json', '{"dataset":"digits"}');
  const stream = streaming(ended('succeeded'));
  answer = (request, response, body) => (request.method === 'POST' ? json(response, 201, { id: 'j1', state: 'queued' }) : stream(request, response, body));
  const { code, stdout, stderr } = await run('submit', spec, '--watch');
  assert.equal(code, 0);
  assert.equal(seen[0].headers['content-type'], 'application/json');
  assert.equal(seen[0].body.toString(), '{"dataset":"digits"}');
  assert.match(stdout, /^j1\nsucceeded: test accuracy 97\.00 % on 1000 images, 3\.5 s\nmodel: smoke, version 2\n/);
  assert.match(stderr, /epoch 1: training loss 0\.5000, accuracy 80\.00 %, validation loss 0\.4000, accuracy 85\.00 %/);
  assert.match(stderr, /loss not finite/);
  assert.match(stderr, /^running: loading\n/);
});

test('a preset is found by its name, and its numbers stay what they are', async () => {
  answer = (request, response) => (request.url === '/v1/presets'
    ? json(response, 200, { items: [{ name: 'smoke', spec: { dataset: 'digits', train: { optimizer: { learning_rate: 0.1 } } } }], next: null })
    : json(response, 201, { id: 'j1' }));
  assert.equal((await run('submit', 'smoke')).code, 0);
  assert.deepEqual(JSON.parse(seen[1].body), { dataset: 'digits', train: { optimizer: { learning_rate: 0.1 } } });
  const { code, stderr } = await run('submit', 'smok');
  assert.equal(code, 2);
  assert.match(stderr, /neither a file nor a preset; the presets are: smoke\./);
});

test('all wrong fields are shown, and nothing of them talks to the terminal', async () => {
  const errors = [{ pointer: '/train/batch', detail: 'must be 1..4096, got 0' }, { pointer: '/x\u001b[2J', detail: 'is not a field of a job' }];
  answer = (request, response) => problem(response, 422, 'invalid-spec', '/train/batch must be 1..4096, got 0 (and 1 more).', errors);
  const text = await run('submit', file('bad.json', '{}'));
  assert.equal(text.code, 2);
  assert.equal(text.stderr, 'unroll: The title of invalid-spec.\n  /train/batch must be 1..4096, got 0\n  /x?[2J is not a field of a job\n');
  const machine = await run('--json', 'submit', file('bad.json', '{}'));
  assert.deepEqual(JSON.parse(machine.stdout).errors, errors);
});

test('classify names each file, goes on past a bad one, and says what it sent', async () => {
  answer = (request, response, body) => {
    if (body.length < 4) return problem(response, 422, 'no-digit', 'There is no digit in the picture.');
    return json(response, 200, { model: 'm', version: 1, predictions: [{ label: '7', probability: 0.998, top: [['7', 0.998]] }] });
  };
  const files = [file('a.png', '\x89PNG\r\n\x1a\n'), file('b.jpg', Buffer.from([0xff, 0xd8, 0xff, 0xe0])), file('c.pgm', 'P2 1 1 1 0'),
    file('d.raw', Buffer.alloc(784)), file('blank', 'xx')];
  writeFileSync(files[0], Buffer.from('89504e470d0a1a0a', 'hex'));
  const { code, stdout, stderr } = await run('classify', ...files, path.join(folder, 'missing'), '--model', 'm');
  assert.equal(code, 3);
  assert.deepEqual(stdout.split('\n').slice(0, 5), [...files.slice(0, 4).map((name) => `7   99.8%  ${name}`), `-  no digit ${files[4]}`]);
  assert.match(stderr, /missing: The file cannot be opened/);
  assert.deepEqual(seen.map((request) => request.headers['content-type']),
    ['image/png', 'image/jpeg', 'image/x-portable-graymap', 'application/octet-stream', 'application/octet-stream']);
  assert.ok(seen.every((request) => request.url.startsWith('/v1/models/m:classify')));
  const machine = (await run('classify', '--json', files[0], files[4], path.join(folder, 'missing'))).stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(machine[0].predictions[0].label, '7');
  assert.equal(machine[1].error.code, 'no-digit');
  assert.equal(machine[2].error.code, 'io-error');
});

test('stop, cancel and rm take several jobs, and an id never becomes a path', async () => {
  answer = (request, response) => (request.url.includes('j2') ? problem(response, 409, 'conflict', 'The job has ended.')
    : request.method === 'DELETE' ? response.writeHead(204).end() : json(response, 200, { id: 'j1' }));
  const { code, stdout, stderr } = await run('stop', 'j1', 'j2', '../x', 'j3');
  assert.equal(code, 2);
  assert.match(stdout, /^j1: .*\nj3: /);
  assert.match(stderr, /The job has ended\.\nunroll: There is no job "\.\.\/x"\./);
  assert.deepEqual(seen.map((request) => `${request.method} ${request.url}`), ['POST /v1/jobs/j1:stop', 'POST /v1/jobs/j2:stop', 'POST /v1/jobs/j3:stop']);
  assert.equal((await run('rm', 'j1')).stdout, 'j1: removed\n');
  assert.equal(seen[0].method, 'DELETE');
  await run('cancel', 'j1');
  assert.equal(seen[0].url, '/v1/jobs/j1:cancel');
});

test('lists are tables, and hostile names stay names', async () => {
  answer = (request, response) => json(response, 200, request.url === '/v1/models'
    ? { items: [{ name: 'smoke', version: 3, versions: [3, 1], test: { accuracy: 0.9712 }, created_at: '2026-11-23T21:07:16.123Z', ready: true }], next: null }
    : { items: [{ id: 'j1', state: 'failed', progress: 0.5, accuracy: null, created_at: null, name: 'x\u001b[31m' }], next: 'j1' });
  assert.match((await run('models')).stdout, /^NAME .*\nsmoke +3 +2 +97\.12 % +2026-11-23T21:07:16\.123Z +ready\n$/);
  const { stdout, stderr } = await run('ls', '--state', 'failed', '--tag', 'demo', '--limit', '1');
  assert.match(stdout, /^ID .*\nj1 +failed +50 % +- +x\?\[31m\n$/);
  assert.match(stderr, /older/);
  assert.equal(seen[0].url, '/v1/jobs?limit=1&state=failed&tag=demo');
});

test('Ctrl-C ends the watching, not the job', async () => {
  answer = (request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(event(1, 'state', { id: 'j1', state: 'running' }));
  };
  const watcher = start('watch', 'j1');
  while (!watcher.stderr.includes('running')) await new Promise((resolve) => setTimeout(resolve, 10));
  watcher.child.kill('SIGINT');
  const { code, stderr } = await watcher.done;
  assert.equal(code, 7);
  assert.match(stderr, /The job goes on; `unroll watch j1` follows it again\./);
});

test('no daemon, and what is no daemon of ours, are told apart', async () => {
  const nobody = await run('--url', 'http://127.0.0.1:9', 'ls');
  assert.equal(nobody.code, 7);
  assert.match(nobody.stderr, /No daemon answers at http:\/\/127\.0\.0\.1:9\. Start one with `unrolld`/);
  answer = (request, response) => response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>not found</h1>');
  const stranger = await run('ls');
  assert.equal(stranger.code, 70);
  assert.match(stranger.stderr, /is no Unroll daemon/);
  answer = (request, response) => request.socket.destroy();
  assert.equal((await run('ls')).code, 7);
});

test('the command line is checked before anything is sent', async () => {
  answer = (request, response) => json(response, 200, {});
  for (const words of [[], ['frob'], ['ls', 'x'], ['show'], ['ls', '--threads', '2'], ['--bogus'], ['ls', '--limit', '0'], ['ls', '--url'],
    ['ls', '--tag', 'a&b'], ['ls', '--state', 'x=y'], ['--url', 'ftp://x', 'ls'], ['show', 'a/b'], ['train'], ['train', '/dev/null', '--threads', '-1']]) {
    const { code, stdout, stderr } = await run(...words);
    assert.equal(code, 2, words.join(' '));
    assert.equal(stdout, '');
    assert.match(stderr, /^unroll: /);
    assert.equal(seen.length, 0);
  }
  assert.match((await run('--version')).stdout, /^unroll \d+\.\d+\.\d+\n$/);
  const help = await run('--help');
  assert.equal(help.code, 0);
  for (const [, name] of help.stdout.matchAll(/^ {2}([a-z]+) /gm)) assert.match((await run('help', name)).stdout, new RegExp(`^usage: unroll ${name}`));
});

test('a specification with mistakes is not started', async () => {
  const { code, stderr } = await run('train', file('wrong.json', '{"dataset":"digits","train":{"batch":0,"bach":1}}'), '--out', path.join(folder, 'out'));
  assert.equal(code, 2);
  assert.match(stderr, / {2}\/train\/batch must be 1\.\.4096, got 0\n {2}\/train\/bach is not a field of a job; did you mean \/train\/batch\?\n$/);
});

test('train goes on from a checkpoint with --resume, and says what it cannot do', async () => {
  const spec = file('tiny.json', JSON.stringify({ dataset: 'digits', data: { count: 200 }, model: { hidden: 4 }, train: { epochs: 1, validation: 20 } }));
  const stdin = await run('train', '-', '--out', path.join(folder, 'none'));
  assert.deepEqual([stdin.code, stdin.stderr], [2, 'unroll: `unroll train` reads its SPEC from a file, not from stdin.\n']);
  const nowhere = await run('train', spec, '--resume');
  assert.equal(nowhere.code, 2);
  assert.match(nowhere.stderr, /--resume needs --out DIR/);
  const words = ['train', spec, '--threads', '1', '--out', path.join(folder, 'resumed')];
  const first = await run(...words);
  assert.equal(first.code, 0, first.stderr);
  const again = await run(...words, '--resume');
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stderr, /resuming after step/);
  const digest = (result) => JSON.parse(result.stdout.trim().split('\n').at(-1)).weights_sha256;
  assert.equal(digest(again), digest(first));
});
