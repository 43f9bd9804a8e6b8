// One live chart: a measure of the minibatches (thin), its running mean (bold) and the
// validation split (dots), over steps.
//
// uPlot owns the canvas; the component feeds it when the curves' version moves, and builds it
// anew when the scale or the colours change.

import { Component, createRef } from "/vendor/preact/dist/preact.mjs";
import uPlot from "/vendor/uplot/dist/uPlot.esm.js";
import { html } from "../html.js";
import { smooth } from "./curves.js";

/** @typedef {import("./curves.js").Line} Line */
/**
 * @typedef {object} Props
 * @property {string} name
 * @property {string} colour the CSS variable of the curve's colour
 * @property {Line} train
 * @property {Line} validation
 * @property {number} version
 * @property {number} steps the end of the x axis, where it is known
 * @property {boolean} log
 * @property {boolean} [unit] the values lie in 0..1
 * @property {(value: number | null | undefined) => string} format
 * @property {any} [children] what stands beside the title
 */

const HEIGHT = 190;
const FONT = "12px system-ui, sans-serif";
const dark = matchMedia("(prefers-color-scheme: dark)");

/**
 * A mean over a hundredth of the run: enough to see a trend, little enough to follow a turn.
 */
const spanOf = (/** @type {number} */ steps) => Math.max(1, steps / 100);

/** @param {boolean | undefined} unit @param {number | null} value */
const tick = (unit, value) =>
  value === null
    ? ""
    : unit
      ? `${Math.round(value * 100)} %`
      : String(Number(value.toPrecision(3)));

/** A logarithm has no place for zero. @param {(number | null)[]} values @param {boolean} log */
const drawable = (values, log) =>
  log ? values.map((value) => (value !== null && value > 0 ? value : null)) : values;

/** @extends {Component<Props>} */
export class LineChart extends Component {
  place = createRef();
  legend = createRef();
  /** @type {uPlot | null} */
  plot = null;
  drawn = -1;

  componentDidMount() {
    this.build();
    this.observer = new ResizeObserver(() =>
      this.plot?.setSize({ width: this.width(), height: HEIGHT }),
    );
    this.observer.observe(this.place.current);
    this.recolour = () => this.build();
    dark.addEventListener("change", this.recolour);
  }

  /** @param {Props} before */
  componentDidUpdate(before) {
    if (before.log !== this.props.log) this.build();
    else if (this.drawn !== this.props.version || before.steps !== this.props.steps)
      this.feed();
  }

  componentWillUnmount() {
    this.observer?.disconnect();
    if (this.recolour) dark.removeEventListener("change", this.recolour);
    this.plot?.destroy();
  }

  width() {
    return Math.max(200, Math.floor(this.place.current.clientWidth));
  }

  /** @returns {any} */
  data() {
    const { train, validation, log, steps } = this.props;
    const end = Math.max(steps, train.step.at(-1) ?? 0);
    const mean = smooth(train.step, train.value, spanOf(end));
    return uPlot.join([
      [
        train.step,
        ...[train.value, train.low, train.high, mean].map((values) => drawable(values, log)),
      ],
      [validation.step, drawable(validation.value, log)],
    ]);
  }

  feed() {
    this.drawn = this.props.version;
    this.plot?.setData(this.data());
    this.tell();
  }

  build() {
    this.plot?.destroy();
    this.plot = new uPlot(this.options(), this.data(), this.place.current);
    this.drawn = this.props.version;
    this.tell();
  }

  /** @returns {any} */
  options() {
    const { colour, log, unit } = this.props;
    const style = getComputedStyle(this.place.current);
    const ink = style.getPropertyValue("--muted");
    const line = style.getPropertyValue(colour);
    const faint = style.getPropertyValue(`${colour}-faint`);
    const edge = { stroke: faint, width: 1, points: { show: false }, spanGaps: true };
    const axis = {
      stroke: ink,
      font: FONT,
      grid: { stroke: style.getPropertyValue("--grid"), width: 1 },
      ticks: { show: false },
    };
    return {
      width: this.width(),
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
      scales: {
        x: {
          time: false,
          range: () => [0, Math.max(this.props.steps, this.props.train.step.at(-1) ?? 0, 1)],
        },
        y: log
          ? { distr: 3 }
          : {
              range: (
                /** @type {uPlot} */ _plot,
                /** @type {number} */ _low,
                /** @type {number} */ high,
              ) => [0, unit ? 1 : (high || 1) * 1.05],
            },
      },
      axes: [
        { ...axis, size: 28, space: 64 },
        {
          ...axis,
          size: 46,
          values: (/** @type {uPlot} */ _plot, /** @type {(number | null)[]} */ splits) =>
            splits.map((value) => tick(unit, value)),
        },
      ],
      series: [
        {},
        edge,
        edge,
        edge,
        { stroke: line, width: 2, points: { show: false }, spanGaps: true },
        {
          stroke: style.getPropertyValue("--validation"),
          width: 1.5,
          dash: [4, 3],
          points: { show: true, size: 6 },
          spanGaps: true,
        },
      ],
      bands: [{ series: [3, 2], fill: faint }],
      hooks: { setCursor: [() => this.tell()] },
    };
  }

  /** Writes the values under the cursor, or the newest ones, into the legend. */
  tell() {
    const plot = this.plot;
    if (!plot || !this.legend.current) return;
    const index = plot.cursor.idx;
    const value = (/** @type {number} */ series) => {
      const values = /** @type {(number | null | undefined)[]} */ (plot.data[series]);
      return index == null ? values?.findLast((one) => one != null) : values?.[index];
    };
    const texts = [1, 4, 5].map((series) => this.props.format(value(series)));
    this.legend.current
      .querySelectorAll("b")
      .forEach((/** @type {HTMLElement} */ place, /** @type {number} */ at) => {
        place.textContent = texts[at];
      });
    const step = this.props.train.step.at(-1);
    this.place.current.setAttribute(
      "aria-label",
      step === undefined
        ? `${this.props.name}: nothing yet`
        : `${this.props.name} to step ${step}: minibatch ${texts[0]}, mean ${texts[1]}, ` +
            `validation ${texts[2]}`,
    );
  }

  render() {
    const { name, colour, train, children } = this.props;
    return html`
      <div class="chart">
        <div class="heading"><h3>${name}</h3>${children}</div>
        <div class="plot" role="img" ref=${this.place}></div>
        ${train.step.length === 0 && html`<p class="plot-empty">No step yet.</p>`}
        <p class="legend" ref=${this.legend} aria-hidden="true">
          <span><i class="key ${colour.slice(2)} thin"></i>minibatch <b></b></span>
          <span><i class="key ${colour.slice(2)}"></i>mean <b></b></span>
          <span><i class="key validation"></i>validation <b></b></span>
        </p>
      </div>
    `;
  }
}
