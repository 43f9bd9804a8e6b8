// The laws of the tree that can be read off the sources: who may include whom, who may call exit, what stands at the top.
// docs: ARCHITECTURE.md has the table these rules are.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '../..');
const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' }).trim().split('\n');
const sources = files.filter((name) => /\.[ch]$/.test(name));
const read = (name) => readFileSync(path.join(root, name), 'utf8');
const includes = (name) => [...read(name).matchAll(/^\s*#\s*include\s*[<"]([^>"]+)[>"]/gm)].map((match) => match[1]);

// Which folders under engine/ a folder may include, besides unroll/*, the C library and itself.
const engine = {
  core: [],
  kernels: [],
  layers: ['kernels'],
  model: ['layers', 'kernels'],
  data: [],
  io: ['model'],
  train: ['model', 'data', 'io'],
  infer: ['model', 'kernels', 'io'],
};
const thirdParty = [
  // header, folder or file that may include it
  [/^cblas\.h$/, /^engine\/kernels\/gemm\.c$|^engine\/train_main\.c$|^engine\/train\/environment\.c$|^tests\//],
  [/^omp\.h$/, /^engine\/train\/(step|reduce|evaluate)\.c$|^tests\/bench\//],
  [/^zlib\.h$/, /^engine\/data\/|^server\/|^tests\//],
  [/^jansson\.h$/, /^engine\/core\/\w+_json\.c$|^engine\/train_\w+\.c$|^engine\/predict_main\.c$|^server\/|^tests\//],
  [/^nettle\//, /^engine\/core\/digest\.c$/],
  [/^(png|jpeglib|jerror|setjmp)\.h$/, /^engine\/infer\/image\w*\.c$|^tests\//],
  [/^seccomp\.h$/, /^engine\/infer\/sandbox\.c$|^tests\//],
  [/^microhttpd\.h$/, /^server\/(http|reply|routes_stream)\.c$/],
  [/^sqlite3\.h$/, /^server\/store\w*\.c$|^tests\/unit\/server\//],
  [/^curl\//, /^server\/cli\//],
  [/^mpi\.h$/, /^engine\/train\/comm_mpi\.c$/],
];

test('nothing but the agreed names stands at the top', () => {
  const allowed = new Set(['CMakeLists.txt', 'CMakePresets.json', 'server', 'engine', 'include', 'web', 'tests', 'config', 'Dockerfile',
    'README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'LICENSE', 'docs', 'script']);
  const found = [...new Set(files.map((name) => name.split('/')[0]))].filter((name) => !name.startsWith('.') && !allowed.has(name));
  assert.deepEqual(found, []);
});

test('public headers include only the C library and each other', () => {
  for (const name of sources.filter((file) => file.startsWith('include/')))
    for (const header of includes(name)) assert.match(header, /^unroll\/|^std\w+\.h$|^string\.h$|^time\.h$/, name);
});

test('the engine\'s folders include only what the table allows', () => {
  for (const [folder, allowed] of Object.entries(engine))
    for (const name of sources.filter((file) => file.startsWith(`engine/${folder}/`)))
      for (const header of includes(name)) {
        const target = header.match(/^(\w+)\/\w+\.h$/)?.[1];
        if (target && target in engine) assert.ok(target === folder || allowed.includes(target), `${name} includes ${header}`);
      }
});

test('the server sees nothing of the engine but core', () => {
  for (const name of sources.filter((file) => file.startsWith('server/')))
    for (const header of includes(name)) assert.doesNotMatch(header, /^(kernels|layers|model|data|io|train|infer)\//, name);
});

test('each third-party header is included only where its home is', () => {
  for (const name of sources)
    for (const header of includes(name))
      for (const [pattern, home] of thirdParty)
        if (pattern.test(header)) assert.match(name, home, `${name} includes ${header}`);
});

test('OpenMP pragmas stand only in step.c, reduce.c and evaluate.c', () => {
  for (const name of sources.filter((file) => file.startsWith('engine/')))
    if (/^\s*#\s*pragma\s+omp\b/m.test(read(name))) assert.match(name, /^engine\/train\/(step|reduce|evaluate)\.c$/, name);
});

test('only a main calls exit or abort', () => {
  for (const name of sources.filter((file) => /^(engine|server)\//.test(file) && !/main\.c$/.test(file))) {
    const code = read(name).replace(/\/\*[\s\S]*?\*\//g, '').replace(/"(?:\\.|[^"\\])*"/g, '""');
    assert.doesNotMatch(code, /(?<![\w.>])(exit|abort|quick_exit)\s*\(/, name);
  }
});

test('every header compiles alone', () => {
  for (const name of sources.filter((file) => file.endsWith('.h') && !file.startsWith('tests/')))
    execFileSync('cc', ['-std=c11', '-D_GNU_SOURCE', '-DUR_VERSION="0"', '-Iinclude', '-Iengine', '-Iserver', '-fsyntax-only', '-x', 'c', name], { cwd: root, stdio: 'pipe' });
});
