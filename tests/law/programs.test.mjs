// The laws of the built programs: what each may link, and that the shipped files agree with the programs' own tables.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.resolve(path.dirname(new URL(import.meta.url).pathname), '../..');
const bin = process.env.UR_BIN_DIR ?? path.join(root, 'build/release/bin');
const program = (name) => path.join(bin, name);
const needed = (name) => [...execFileSync('readelf', ['-d', program(name)], { encoding: 'utf8' }).matchAll(/\(NEEDED\).*\[(.+)\]/g)].map((match) => match[1]);

// What must not be linked, directly or through another library where that would start its threads.
const forbidden = {
  unrolld: /openblas|gomp|libomp|mpi|libpng|libjpeg|blas/,
  'unroll-train': /microhttpd|sqlite/,
  'unroll-predict': /microhttpd|sqlite|openblas|gomp|libomp/,
  unroll: /microhttpd|sqlite|openblas|gomp|libomp|libpng|libjpeg/,
};

for (const [name, pattern] of Object.entries(forbidden))
  test(`${name} links none of ${pattern.source}`, () => {
    for (const library of needed(name)) assert.doesNotMatch(library, pattern);
  });

test('unrolld pulls no BLAS and no OpenMP in through another library', () => {
  assert.doesNotMatch(execFileSync('ldd', [program('unrolld')], { encoding: 'utf8' }), /openblas|gomp|libomp|libpng|libjpeg/);
});

test('unroll-train does link OpenBLAS and OpenMP, so that the law above is about something', () => {
  assert.ok(needed('unroll-train').some((library) => /openblas|blas/.test(library)));
  assert.ok(needed('unroll-train').some((library) => /gomp|libomp/.test(library)));
});

test('every shipped job is accepted by the program that runs it, but for its data', () => {
  const out = mkdtempSync(path.join(tmpdir(), 'unroll-law-'));
  try {
    for (const name of readdirSync(path.join(root, 'config/jobs'))) {
      const spec = JSON.parse(readFileSync(path.join(root, 'config/jobs', name), 'utf8'));
      spec.dataset = 'no-such-set';
      if (spec.data) spec.data.fresh = false; // only the built-in digits can be
      if (spec.train) spec.train.evaluate_on = null; // data of its own
      writeFileSync(path.join(out, name), JSON.stringify(spec));
      const run = spawnSync(program('unroll-train'), ['--spec', path.join(out, name), '--out', out], { encoding: 'utf8', env: { ...process.env, UNROLL_DATASETS: '' } });
      assert.match(run.stderr, /no-such-set/, `${name}: ${run.stderr}`);
      assert.equal(run.status, 3, `${name}: ${run.stderr}`);
    }
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
});

test('a run by hand overwrites no other: it wants --resume, or another folder', () => {
  const top = mkdtempSync(path.join(tmpdir(), 'unroll-law-'));
  const spec = path.join(top, 'spec.json');
  const out = path.join(top, 'out');
  const train = (...more) => spawnSync(program('unroll-train'), ['--spec', spec, '--out', out, ...more], { encoding: 'utf8' });
  writeFileSync(spec, JSON.stringify({ dataset: 'digits', data: { count: 120 }, model: { hidden: 4 }, train: { steps: 2, batch: 8, validation: 0 } }));
  try {
    assert.equal(train().status, 0);
    const model = readFileSync(path.join(out, 'model.unroll'));
    const again = train();
    assert.equal(again.status, 2, again.stderr);
    assert.match(again.stderr, /holds a run already: go on with it by --resume/);
    assert.deepEqual(readFileSync(path.join(out, 'model.unroll')), model);
    assert.equal(train('--resume').status, 0);
    const resumed = readFileSync(path.join(out, 'model.unroll'));
    rmSync(path.join(out, 'last.ckpt'));
    rmSync(path.join(out, 'last.ckpt.previous'), { force: true });
    assert.equal(train('--resume').status, 2);
    assert.deepEqual(readFileSync(path.join(out, 'model.unroll')), resumed);
    writeFileSync(path.join(top, 'file'), '');
    const plain = spawnSync(program('unroll-train'), ['--spec', spec, '--out', path.join(top, 'file')], { encoding: 'utf8' });
    assert.equal(plain.status, 5);
    assert.match(plain.stderr, /The folder .*file cannot be opened/);
  } finally {
    rmSync(top, { recursive: true, force: true });
  }
});

test('config/unrolld.json holds every setting of the daemon and no other', () => {
  const shipped = Object.keys(JSON.parse(readFileSync(path.join(root, 'config/unrolld.json'), 'utf8'))).sort();
  const state = mkdtempSync(path.join(tmpdir(), 'unroll-law-'));
  try {
    const printed = execFileSync(program('unrolld'), ['--config', path.join(root, 'config/unrolld.json'), '--state-dir', state, '--check'], { encoding: 'utf8' });
    const table = JSON.parse(printed).items.map((item) => item.name).sort();
    assert.deepEqual(shipped, table.filter((name) => name !== 'config' && name !== 'check'));
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
});
