// The drawing board: mouse, finger or pen, or a picture from a file; the network answers while
// one draws.

import { Component, createRef } from "/vendor/preact/dist/preact.mjs";
import { html } from "../html.js";
import { loadModels, onModel } from "../actions.js";
import { Classifier } from "../classifier.js";
import { SIDE, draw, picture } from "../drawing.js";
import { readPicture } from "../picture.js";
import { state } from "../state.js";
import { AnswerView } from "./answer.js";
import { Button } from "./parts.js";

/** @typedef {import("../drawing.js").Point} Point */
/**
 * @typedef {object} State
 * @property {import("../api.js").Answer | null} answer
 * @property {import("../api.js").Problem | null} problem
 * @property {boolean} busy a newer answer is on its way
 * @property {boolean} empty
 * @property {string} note what is wrong with a file
 * @property {boolean} over a file is held over the board
 */

/** @extends {Component<{}, State>} */
export class Board extends Component {
  canvas = createRef();
  file = createRef();
  /** @type {Point[][]} */
  strokes = [];
  /** @type {import("../picture.js").Picture | null} */
  posted = null;
  /** The pointer that draws; a second finger is ignored. @type {number | null} */
  pointer = null;
  frame = 0;

  constructor() {
    super();
    /** @type {State} */
    this.state = {
      answer: null,
      problem: null,
      busy: false,
      empty: true,
      note: "",
      over: false,
    };
    this.classifier = new Classifier(
      async () => this.posted?.blob ?? (this.strokes.length > 0 ? picture(this.strokes) : null),
      (answer, problem) => {
        this.setState({ answer, problem, busy: this.classifier.busy });
        if (problem?.status === 404) void loadModels();
      },
    );
  }

  componentDidMount() {
    new ResizeObserver(() => this.fit()).observe(this.canvas.current);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
    onModel(() => !this.state.empty && this.touched());
  }

  /** Gives the canvas as many pixels as the screen has there. */
  fit() {
    const canvas = this.canvas.current;
    const pixels = Math.round(canvas.clientWidth * devicePixelRatio);
    if (pixels === 0 || pixels === canvas.width) return;
    canvas.width = pixels;
    canvas.height = pixels;
    this.redraw();
  }

  redraw() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => {
      const canvas = this.canvas.current;
      draw(canvas, this.strokes, getComputedStyle(canvas).color, null);
      if (!this.posted) return;
      const { bitmap } = this.posted;
      const scale = SIDE / Math.max(bitmap.width, bitmap.height);
      const [width, height] = [bitmap.width * scale, bitmap.height * scale];
      const [x, y] = [(SIDE - width) / 2, (SIDE - height) / 2];
      canvas.getContext("2d").drawImage(bitmap, x, y, width, height);
    });
  }

  /** What is on the board has changed. */
  touched() {
    this.redraw();
    this.classifier.poke();
    this.setState({ busy: true });
  }

  /**
   * Puts the places the pointer was at, also those between two frames, into the newest stroke.
   * @param {PointerEvent} event
   */
  extend(event) {
    const box = this.canvas.current.getBoundingClientRect();
    const all = event.getCoalescedEvents?.() ?? [];
    for (const { clientX, clientY } of all.length > 0 ? all : [event]) {
      const x = ((clientX - box.left) / box.width) * SIDE;
      const y = ((clientY - box.top) / box.height) * SIDE;
      this.strokes.at(-1)?.push([x, y]);
    }
    this.touched();
  }

  down = (/** @type {PointerEvent} */ event) => {
    if (event.button !== 0 || this.pointer !== null) return;
    event.preventDefault();
    this.canvas.current.focus({ preventScroll: true });
    this.canvas.current.setPointerCapture(event.pointerId);
    this.pointer = event.pointerId;
    this.posted = null;
    this.strokes.push([]);
    this.setState({ empty: false, note: "" });
    this.extend(event);
  };

  move = (/** @type {PointerEvent} */ event) => {
    if (event.pointerId === this.pointer) this.extend(event);
  };

  up = (/** @type {PointerEvent} */ event) => {
    if (event.pointerId === this.pointer) this.pointer = null;
  };

  key = (/** @type {KeyboardEvent} */ event) => {
    const undo = (event.ctrlKey || event.metaKey) && event.key === "z";
    if (!undo && event.key !== "Delete" && event.key !== "Backspace") return;
    event.preventDefault();
    if (undo) this.undo();
    else this.clear();
  };

  clear = () => {
    this.strokes = [];
    this.posted = null;
    this.classifier.reset();
    this.setState({ empty: true, note: "" });
    this.redraw();
  };

  undo = () => {
    this.strokes.pop();
    if (this.strokes.length === 0) this.clear();
    else this.touched();
  };

  /** @param {File | undefined} file */
  async take(file) {
    if (!file) return;
    this.clear();
    try {
      this.posted = await readPicture(file);
    } catch {
      return this.setState({ note: "This file is no picture that a browser can read." });
    }
    this.setState({ empty: false });
    this.touched();
  }

  drop = (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    this.setState({ over: false });
    void this.take(event.dataTransfer?.files[0]);
  };

  over = (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    this.setState({ over: true });
  };

  leave = () => this.setState({ over: false });

  chosen = (/** @type {any} */ event) => {
    void this.take(event.currentTarget.files[0]);
    event.currentTarget.value = ""; // so that the same file can be chosen again
  };

  hint() {
    const { problem, empty, note } = this.state;
    if (note) return note;
    const models = state.models.value;
    if (models?.length && models.every((model) => model.input === "series"))
      return "The models here read series: start a job on pictures first.";
    if (models?.length === 0 || problem?.status === 404)
      return "No model yet: start a job first, it answers when it is done.";
    if (problem?.code === "no-digit") return "No digit in there yet.";
    if (problem) return problem.message;
    return empty ? "Draw a digit." : "…";
  }

  paper() {
    const { empty, over } = this.state;
    return html`
      <div class="paper ${over ? "over" : ""}" onDrop=${this.drop} onDragOver=${this.over}
           onDragLeave=${this.leave}>
        <canvas ref=${this.canvas} tabindex="0" role="img"
                aria-label="Drawing board for mouse, finger or pen"
                onPointerDown=${this.down} onPointerMove=${this.move} onPointerUp=${this.up}
                onPointerCancel=${this.up} onKeyDown=${this.key}></canvas>
        ${empty && html`<p class="paper-hint" aria-hidden="true">Draw here,<br />or drop a picture</p>`}
      </div>
    `;
  }

  render() {
    const { answer, busy, empty } = this.state;
    return html`
      <section class="card board" aria-labelledby="board-title">
        <h2 id="board-title">Draw a digit</h2>
        ${this.paper()}
        <div class="actions">
          <${Button} disabled=${empty} onClick=${this.clear}>Clear<//>
          <${Button} disabled=${empty} onClick=${this.undo}>Undo<//>
          <${Button} onClick=${() => this.file.current.click()}>Picture…<//>
          <input ref=${this.file} type="file" accept="image/*" class="unseen" tabindex="-1"
                 aria-label="Choose a picture of a digit" onChange=${this.chosen} />
        </div>
        <${AnswerView} answer=${answer} busy=${busy} hint=${this.hint()} />
      </section>
    `;
  }
}
