// Inside the network: the gradient that reaches each time step, on a logarithmic scale, and how
// far the gates stood open. Only jobs that ask for it (/run/insight_every) have any.

import { html } from "../html.js";
import { columnsOf, corners, decades, kept, streamName, ticks } from "../charts/flow.js";
import { count } from "../format.js";

/** @typedef {import("../charts/flow.js").Insight} Insight */

const COLUMN_NAMES = new Map([
  ["i", "input gate"],
  ["f", "forget gate"],
  ["g", "candidate"],
  ["o", "output gate"],
  ["r", "reset gate"],
  ["z", "update gate"],
  ["n", "candidate"],
  ["h", "output h"],
  ["c", "cell state c"],
]);

const COLOURS = ["loss", "accuracy", "validation"];
const STROKES = ["", "dashes", "dots"];

/** @param {number} at */
const colourOf = (at) =>
  `${COLOURS[at % COLOURS.length]} ${STROKES[Math.floor(at / COLOURS.length)] ?? "dots"}`;

/** @param {number | null} part */
const share = (part) =>
  part === null ? "–" : part >= 0.01 ? part.toFixed(2) : part.toExponential(0);

/** @param {{ insight: Insight }} props */
function Flow({ insight }) {
  const scale = decades(insight);
  const streams = insight.gradients;
  const told = streams.map(
    (stream) => `${streamName(stream, streams)} keeps ${share(kept(stream))} of its gradient`,
  );
  return html`
    <div class="flow" role="img" aria-label=${`Gradient by time step: ${told.join(", ")}`}>
      <div class="flow-ticks" aria-hidden="true">
        ${ticks(scale).map((power) => html`<span>10<sup>${power}</sup></span>`)}
      </div>
      <svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
        ${ticks(scale).map((power) => {
          const y = (100 * (scale.high - power)) / (scale.high - scale.low);
          return html`<line class="flow-grid" x1="0" x2="100" y1=${y} y2=${y} />`;
        })}
        ${streams.map(
          (stream, at) => html`
            <polyline class=${`flow-line ${colourOf(at)}`}
                      points=${corners(stream.norms, scale).map((xy) => xy.join(",")).join(" ")} />
          `,
        )}
      </svg>
      <p class="flow-ends" aria-hidden="true">
        <span>time step 1</span><span>${count(insight.time_steps)}</span>
      </p>
    </div>
    <p class="legend">
      ${streams.map(
        (stream, at) => html`
          <span><i class=${`key ${colourOf(at)}`}></i>${streamName(stream, streams)}${" "}
            <b>keeps ${share(kept(stream))}</b></span>
        `,
      )}
    </p>
  `;
}

/**
 * One row of a heat strip: hard stops of one colour, the stronger the more.
 * @param {(number | null)[]} values
 */
function strip(values) {
  const width = 100 / values.length;
  const stops = values.map((value, at) => {
    const part = Math.round(100 * Math.min(1, Math.max(0, value ?? 0)));
    const colour = `rgb(var(--right-rgb) / ${part}%)`;
    return `${colour} ${(at * width).toFixed(2)}% ${((at + 1) * width).toFixed(2)}%`;
  });
  return { background: `linear-gradient(to right, ${stops.join(", ")})` };
}

/** @param {(number | null)[]} values */
function meanOf(values) {
  const known = /** @type {number[]} */ (values.filter((value) => value !== null));
  return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
}

/** @param {{ insight: Insight }} props */
function Gates({ insight }) {
  const all = insight.activity;
  return html`
    ${all.map(
      (activity) => html`
        <table class="gates">
          <caption>${streamName(activity, all)}</caption>
          <tbody>
            ${columnsOf(activity).map(
              (column) => html`
                <tr>
                  <th scope="row"><b>${column}</b> ${COLUMN_NAMES.get(column) ?? ""}</th>
                  <td class="gates-strip"><div style=${strip(activity[column])}></div></td>
                  <td class="gates-mean">${meanOf(activity[column])?.toFixed(2) ?? "–"}</td>
                </tr>
              `,
            )}
          </tbody>
        </table>
      `,
    )}
  `;
}

/** @param {{ insight: Insight | null }} props */
export function InsideTheNetwork({ insight }) {
  if (!insight) return null;
  return html`
    <section class="card inside" aria-labelledby="inside-title">
      <div class="heading">
        <h2 id="inside-title">Inside the network</h2>
        <p class="muted">step ${count(insight.step)}</p>
      </div>
      <h3>Gradient by time step</h3>
      <p class="hint">The norm of the loss's gradient where it passes each time step's output: what
        falls by orders of magnitude on the way back cannot teach the early steps.</p>
      <${Flow} insight=${insight} />
      <h3>Gates and states by time step</h3>
      <p class="hint">Means of the gates; candidates and states as root mean squares. Full colour is 1.</p>
      <${Gates} insight=${insight} />
    </section>
  `;
}
