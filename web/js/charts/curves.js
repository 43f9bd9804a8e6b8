// The curves of one job: history as the daemon thinned it, and live points after it. No DOM in
// here.
//
// A live point whose step the history already covers is dropped, so it does not matter which of
// the two arrives first.

/** @typedef {import("../api.js").Series} Series */
/** @typedef {import("../api.js").Value} Value */

/**
 * Past this many points the history is to be fetched anew, thinned: the page's memory does not
 * grow with the run.
 */
const MAX_POINTS = 4000;

/**
 * One series. A thinned point stands for a bucket of steps and keeps its extremes; a live one
 * is its own.
 */
export class Line {
  /** @type {number[]} */ step = [];
  /** @type {Value[]} */ value = [];
  /** @type {Value[]} */ low = [];
  /** @type {Value[]} */ high = [];

  /** @param {Series | undefined} series */
  replace(series) {
    const { step = [], value = [], min = value, max = value } = series ?? {};
    const last = step.at(-1) ?? -1;
    const found = this.step.findIndex((mine) => mine > last);
    const from = found < 0 ? this.step.length : found;
    this.step = [...step, ...this.step.slice(from)];
    this.value = [...value, ...this.value.slice(from)];
    this.low = [...min, ...this.low.slice(from)];
    this.high = [...max, ...this.high.slice(from)];
  }

  /** @param {number} step @param {Value | undefined} value */
  append(step, value) {
    if (value === undefined || step <= (this.step.at(-1) ?? -1)) return false;
    this.step.push(step);
    for (const list of [this.value, this.low, this.high]) list.push(value);
    return true;
  }
}

/**
 * A running mean over about `span` steps; it follows the steps and not the points, so that
 * thinning does not change it much.
 * @param {number[]} steps
 * @param {Value[]} values
 * @param {number} span
 */
export function smooth(steps, values, span) {
  /** @type {Value[]} */
  const out = [];
  let mean = NaN;
  let before = 0;
  values.forEach((value, index) => {
    if (value === null) return void out.push(null);
    const weight = 1 - Math.exp(-(steps[index] - before) / Math.max(1, span));
    mean = Number.isNaN(mean) ? value : mean + weight * (value - mean);
    before = steps[index];
    out.push(mean);
  });
  return out;
}

export class Curves {
  loss = new Line();
  accuracy = new Line();
  validationLoss = new Line();
  validationAccuracy = new Line();
  /** Changes whenever a point does. */
  version = 0;

  /** @param {Record<string, Series>} series the daemon's history */
  replace(series) {
    this.loss.replace(series["train.loss"]);
    this.accuracy.replace(series["train.accuracy"]);
    this.validationLoss.replace(series["validation.loss"]);
    this.validationAccuracy.replace(series["validation.accuracy"]);
    this.version++;
  }

  /** @param {any} point the data of a `step` event */
  addStep(point) {
    const isNew = this.loss.append(point.step, point.loss);
    this.accuracy.append(point.step, point.accuracy);
    if (isNew) this.version++;
  }

  /** @param {any} epoch the data of an `epoch` event */
  addEpoch(epoch) {
    const validation = epoch.validation ?? {};
    this.validationLoss.append(epoch.step, validation.loss ?? epoch.validation_loss);
    this.validationAccuracy.append(
      epoch.step,
      validation.accuracy ?? epoch.validation_accuracy,
    );
    this.version++;
  }

  get tooLong() {
    return this.loss.step.length > MAX_POINTS;
  }
}
