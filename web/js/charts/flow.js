// What a network looks like from inside, as numbers to draw: how much gradient reaches each
// time step, and how open its gates stood. No DOM in here.

/**
 * @typedef {object} GradientStream
 * @property {number} layer
 * @property {"forward" | "backward"} direction
 * @property {(number | null)[]} norms
 */
/**
 * One record of GET /v1/jobs/{id}/gradients.
 * @typedef {object} Insight
 * @property {number} step
 * @property {number} time_steps
 * @property {number} stride
 * @property {GradientStream[]} gradients
 * @property {Record<string, any>[]} activity
 * @property {{ name: string, weight_norm: number | null, gradient_norm: number | null }[]} tensors
 */

/** Fewer than this many decades would make a mountain of noise. */
const FEWEST_DECADES = 2;
/** A gradient that is smaller by more than this is as good as none. */
const MOST_DECADES = 12;

/** @param {Insight} insight */
const positive = (insight) =>
  insight.gradients.flatMap(({ norms }) => norms.filter((norm) => norm !== null && norm > 0));

/**
 * The powers of ten between which all norms lie.
 * @param {Insight} insight
 * @returns {{ low: number, high: number }}
 */
export function decades(insight) {
  const logs = positive(insight).map((norm) => Math.log10(/** @type {number} */ (norm)));
  if (logs.length === 0) return { low: -FEWEST_DECADES, high: 0 };
  const high = Math.ceil(Math.max(...logs));
  const low = Math.max(Math.floor(Math.min(...logs)), high - MOST_DECADES);
  return { low: Math.min(low, high - FEWEST_DECADES), high };
}

/**
 * The corners of a line in a square of 100 by 100, y downwards; a norm of zero lies at the
 * bottom, one that is not a number is left out.
 * @param {(number | null)[]} norms
 * @param {{ low: number, high: number }} scale
 */
export function corners(norms, { low, high }) {
  const last = Math.max(1, norms.length - 1);
  return norms.flatMap((norm, at) => {
    if (norm === null) return [];
    const log = norm > 0 ? Math.log10(norm) : low;
    const part = (Math.min(Math.max(log, low), high) - low) / (high - low);
    return [[(100 * at) / last, 100 * (1 - part)]];
  });
}

/**
 * The powers of ten to write beside the chart, at most five.
 * @param {{ low: number, high: number }} scale
 */
export function ticks({ low, high }) {
  const every = Math.ceil((high - low) / 4);
  const out = [];
  for (let power = high; power >= low; power -= every) out.push(power);
  return out;
}

/**
 * How much of the gradient at the last time step is left at the first; null where there is no
 * telling. A network that reads backwards begins at the other end.
 * @param {GradientStream} stream
 */
export function kept({ norms, direction }) {
  const [first, last] = direction === "backward" ? [norms.at(-1), norms[0]] : [norms[0], norms.at(-1)];
  return first != null && last != null && last > 0 ? first / last : null;
}

/** The columns of an activity, in the order of the record. @param {Record<string, any>} activity */
export const columnsOf = (activity) =>
  Object.keys(activity).filter((key) => key !== "layer" && key !== "direction");

/** Names a layer; the direction only where there are two. @param {any} stream @param {any[]} all */
export const streamName = (stream, all) =>
  `layer ${stream.layer + 1}` +
  (all.some(({ direction }) => direction === "backward") ? ` ${stream.direction}` : "");
