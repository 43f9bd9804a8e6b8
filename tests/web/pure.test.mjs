// The parts of the page that need no browser: curves out of history and events, and the form's reading of a schema.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Curves, smooth } from '../../web/js/charts/curves.js';
import { columnsOf, corners, decades, kept, streamName, ticks } from '../../web/js/charts/flow.js';
import { ago, count, duration, loss, percent, size } from '../../web/js/format.js';
import { fieldsOf, fromText, hintOf, inForce, labelOf, setAt, toText, valueAt } from '../../web/js/schema.js';

const history = (step, value) => ({ 'train.loss': { step, value }, 'train.accuracy': { step, value } });

test('a live point that the history covers is dropped, whichever arrives first', () => {
  const later = new Curves();
  later.replace(history([1, 2, 3], [9, 8, 7]));
  later.addStep({ step: 3, loss: 70, accuracy: 70 });
  later.addStep({ step: 4, loss: 6, accuracy: 6 });
  const earlier = new Curves();
  earlier.addStep({ step: 3, loss: 70, accuracy: 70 });
  earlier.addStep({ step: 4, loss: 6, accuracy: 6 });
  earlier.replace(history([1, 2, 3], [9, 8, 7]));
  for (const curves of [later, earlier]) {
    assert.deepEqual(curves.loss.step, [1, 2, 3, 4]);
    assert.deepEqual(curves.loss.value, [9, 8, 7, 6]);
    assert.deepEqual(curves.loss.low, curves.loss.value);
  }
});

test('thinned buckets keep their extremes', () => {
  const curves = new Curves();
  curves.replace({ 'train.loss': { step: [10, 20], value: [2, 1], min: [1.5, 0.5], max: [3, 4] } });
  assert.deepEqual(curves.loss.low, [1.5, 0.5]);
  assert.deepEqual(curves.loss.high, [3, 4]);
});

test('a diverged loss is a gap, and an epoch without validation adds nothing', () => {
  const curves = new Curves();
  curves.addStep({ step: 1, loss: null, accuracy: 0.5 });
  curves.addEpoch({ step: 1, validation: null });
  curves.addEpoch({ step: 2, validation: { loss: 0.5, accuracy: 0.75 } });
  assert.deepEqual(curves.loss.value, [null]);
  assert.deepEqual(curves.validationLoss.step, [2]);
  assert.deepEqual(smooth([1, 2, 3], [4, null, 4], 10), [4, null, 4]);
});

test('the running mean follows steps, not points', () => {
  const fine = smooth([1, 2, 3, 4], [1, 1, 0, 0], 2).at(-1);
  const thinned = smooth([2, 4], [1, 0], 2).at(-1);
  assert.ok(Math.abs(fine - thinned) < 1e-12, `${fine} against ${thinned}`);
});

const schema = {
  properties: {
    name: { type: 'string' },
    tags: { type: 'array' },
    model: { properties: { cell: { type: 'string', const: 'lstm' }, hidden: { type: 'integer' } } },
    train: { properties: { clip_norm: { type: ['number', 'null'] }, optimizer: { properties: { beta1: { type: 'number' } } } } },
  },
};

test('fields with one possible value are not shown, nested ones are found by their pointer', () => {
  assert.deepEqual(fieldsOf(schema).map((field) => field.pointer),
    ['/name', '/tags', '/model/hidden', '/train/clip_norm', '/train/optimizer/beta1']);
  assert.equal(labelOf('/train/clip_norm'), 'Clip norm');
});

test('what was typed becomes what the schema wants; what cannot be read goes on as it is', () => {
  const [, tags, hidden, clip] = fieldsOf(schema).map((field) => field.schema);
  assert.equal(fromText(hidden, ' 64 '), 64);
  assert.equal(fromText(hidden, 'many'), 'many');
  assert.equal(fromText(clip, ''), undefined);
  assert.equal(fromText(clip, '1e-3'), 0.001);
  assert.deepEqual(fromText(tags, 'a, b,'), ['a', 'b']);
  const spec = {};
  setAt(spec, '/train/optimizer/beta1', 0.5);
  assert.deepEqual(spec, { train: { optimizer: { beta1: 0.5 } } });
  assert.equal(valueAt(spec, '/train/optimizer/beta1'), 0.5);
  assert.equal(valueAt(spec, '/model/hidden'), undefined);
  setAt(spec, '/train/optimizer/beta1', undefined);
  assert.deepEqual(spec, { train: { optimizer: {} } });
  assert.equal(toText(['a', 'b']), 'a, b');
});

test('an object that may be null is switched on and off, and its members switch it on', () => {
  const shift = { type: 'number', default: 1.5 };
  const group = { type: ['object', 'null'], default: null, properties: { shift } };
  const fields = fieldsOf({ properties: { train: { type: 'object', properties: { augment: group } } } });
  assert.deepEqual(fields.map((field) => field.pointer), ['/train/augment', '/train/augment/shift']);
  assert.deepEqual([toText(null), toText({ shift: 1 })], ['', 'on']);
  const spec = { train: { augment: null } };
  setAt(spec, '/train/augment/shift', undefined);
  assert.deepEqual(spec, { train: { augment: null } }, 'a field that was emptied switches nothing on');
  setAt(spec, '/train/augment', fromText(group, 'on'));
  assert.deepEqual(spec, { train: { augment: {} } });
  setAt(spec, '/train/augment', fromText(group, 'off'));
  assert.deepEqual(spec, { train: {} });
  setAt(spec, '/train/augment/shift', 3);
  assert.deepEqual(spec, { train: { augment: { shift: 3 } } });
});

test('numbers as people read them', () => {
  assert.deepEqual([count(1234567), count(null), count(undefined)], ['1,234,567', '–', '–']);
  assert.deepEqual([percent(0.9741, 2), percent(null)], ['97.41 %', '–']);
  assert.deepEqual([loss(2.30258), loss(0.01234), loss(1e-6), loss(null)], ['2.303', '0.0123', '1.00e-6', '–']);
  assert.deepEqual([duration(59.6), duration(3725), duration(12), duration(null)], ['1 min 0 s', '1 h 2 min', '12 s', '–']);
  assert.deepEqual([size(999), size(1500), size(25e9)], ['999 B', '1.5 kB', '25 GB']);
  assert.equal(ago('2024-01-01T00:00:00Z', Date.parse('2024-01-01T02:00:00Z')), '2 h ago');
  assert.equal(ago(null), '');
});

const stream = (norms, direction = 'forward') => ({ layer: 0, direction, norms });

test('gradients by time step are drawn on whole decades, and what is zero lies at the bottom', () => {
  const insight = { gradients: [stream([0.002, 0, null, 3])] };
  const scale = decades(insight);
  assert.deepEqual(scale, { low: -3, high: 1 });
  assert.deepEqual(ticks(scale), [1, 0, -1, -2, -3]);
  const [first, second, last, ...more] = corners(insight.gradients[0].norms, scale);
  assert.deepEqual(more, []);
  assert.deepEqual(second, [100 / 3, 100]);
  assert.ok(first[1] < 100 && first[1] > 90 && last[1] < 20);
  assert.deepEqual(decades({ gradients: [stream([1e-30, 1])] }), { low: -12, high: 0 });
  assert.deepEqual(decades({ gradients: [stream([null])] }), { low: -2, high: 0 });
});

test('a direction keeps what is left where it began to read', () => {
  assert.equal(kept(stream([0.5, 1, 2])), 0.25);
  assert.equal(kept(stream([0.5, 1, 2], 'backward')), 4);
  assert.equal(kept(stream([null, 1])), null);
  assert.equal(streamName({ layer: 1, direction: 'forward' }, [stream([])]), 'layer 2');
  assert.equal(streamName(stream([]), [stream([]), stream([], 'backward')]), 'layer 1 forward');
  assert.deepEqual(columnsOf({ layer: 0, direction: 'forward', r: [], h: [] }), ['r', 'h']);
});

test('the members of a group that is switched off are no fields', () => {
  const group = (name) => ({ type: ['object', 'null'], default: null, properties: { [name]: { type: 'number' } } });
  const fields = fieldsOf({ properties: { augment: group('shift'), augmented: { type: 'number' }, early: group('patience') } });
  const left = (texts) => inForce(fields, (pointer) => texts[pointer] ?? '').map((field) => field.pointer);
  assert.deepEqual(left({ '/early': 'off' }), ['/augment', '/augmented', '/early']);
  assert.deepEqual(left({ '/augment': 'on' }), ['/augment', '/augment/shift', '/augmented', '/early']);
});

test('a hint names the limits that bound anybody', () => {
  assert.equal(hintOf({ description: 'Units.', minimum: 1, maximum: 4096 }), 'Units. · 1 to 4096');
  assert.equal(hintOf({ minimum: 0, maximum: 2 ** 53 - 1 }), '0 or more');
});
