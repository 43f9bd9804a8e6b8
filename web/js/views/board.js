// The drawing board: mouse, finger or pen, or a picture from a file; the network answers while one draws.

import { Component, createRef } from "/vendor/preact/dist/preact.mjs";
import { html } from "../html.js";
import { loadModels, onModel } from "../actions.js";
import { Classifier } from "../classifier.js";
import { SIDE, draw, picture, toPng } from "../drawing.js";
import { state } from "../state.js";
import { AnswerView } from "./answer.js";

/** @typedef {import("../drawing.js").Point} Point */

/** The daemon decodes PNG and JPEG up to 10 MB; anything else, and anything large, is drawn anew at this size first. */
const MAX_SIDE = 1024;
const SEND_AS_IS = new Set(["image/png", "image/jpeg"]);
const SEND_AS_IS_BYTES = 4 << 20;

/** @param {File} file @param {ImageBitmap} bitmap */
async function pictureOf(file, bitmap) {
  const small = Math.max(bitmap.width, bitmap.height) <= 4 * MAX_SIDE && file.size <= SEND_AS_IS_BYTES;
  if (SEND_AS_IS.has(file.type) && small) return file;
  const scale = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return toPng(canvas);
}

/** @typedef {import("../api.js").Answer} Answer */
/** @typedef {import("../api.js").Problem} Problem */
/** @typedef {{ answer: Answer | null, problem: Problem | null, empty: boolean, note: string, over: boolean }} State */

/** @extends {Component<{}, State>} */
export class Board extends Component {
  canvas = createRef();
  file = createRef();
  /** @type {Point[][]} */
  strokes = [];
  /** @type {number | null} */
  pointer = null;
  /** @type {{ file: Blob, bitmap: ImageBitmap } | null} */
  posted = null;
  frame = 0;

  constructor() {
    super();
    /** @type {State} */
    this.state = { answer: null, problem: null, empty: true, note: "", over: false };
    this.classifier = new Classifier(
      async () => (this.posted ? this.posted.file : this.strokes.length > 0 ? picture(this.strokes) : null),
      (answer, problem) => {
        this.setState({ answer, problem });
        if (problem?.status === 404) void loadModels();
      },
    );
  }

  componentDidMount() {
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(this.canvas.current);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
    onModel(() => !this.state.empty && this.classifier.poke());
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
      const scale = Math.min(SIDE / bitmap.width, SIDE / bitmap.height);
      const [width, height] = [bitmap.width * scale, bitmap.height * scale];
      canvas.getContext("2d").drawImage(bitmap, (SIDE - width) / 2, (SIDE - height) / 2, width, height);
    });
  }

  /** Puts the places the pointer was at, also those between two frames, into the newest stroke. @param {PointerEvent} event */
  extend(event) {
    const box = this.canvas.current.getBoundingClientRect();
    const all = event.getCoalescedEvents?.() ?? [];
    for (const one of all.length > 0 ? all : [event]) {
      this.strokes.at(-1)?.push([((one.clientX - box.left) / box.width) * SIDE, ((one.clientY - box.top) / box.height) * SIDE]);
    }
    this.redraw();
    this.classifier.poke();
  }

  /** @param {PointerEvent} event */
  down(event) {
    if (event.button !== 0 || this.pointer !== null) return;
    event.preventDefault();
    this.canvas.current.focus({ preventScroll: true });
    this.canvas.current.setPointerCapture(event.pointerId);
    this.pointer = event.pointerId;
    this.posted = null;
    this.strokes.push([]);
    this.setState({ empty: false, note: "" });
    this.extend(event);
  }

  /** @param {PointerEvent} event */
  move(event) {
    if (event.pointerId === this.pointer) this.extend(event);
  }

  /** @param {PointerEvent} event */
  up(event) {
    if (event.pointerId === this.pointer) this.pointer = null;
  }

  clear() {
    this.strokes = [];
    this.posted = null;
    this.classifier.reset();
    this.setState({ empty: true, note: "" });
    this.redraw();
  }

  undo() {
    this.strokes.pop();
    if (this.strokes.length === 0) return this.clear();
    this.redraw();
    this.classifier.poke();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if ((event.ctrlKey || event.metaKey) && event.key === "z") {
      event.preventDefault();
      this.undo();
    } else if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      this.clear();
    }
  }

  /** @param {File | undefined | null} file */
  async take(file) {
    if (!file) return;
    this.clear();
    try {
      const bitmap = await createImageBitmap(file);
      const blob = await pictureOf(file, bitmap);
      if (!blob) throw new Error();
      this.posted = { file: blob, bitmap };
    } catch {
      return this.setState({ note: "This file is no picture that a browser can read." });
    }
    this.setState({ empty: false });
    this.redraw();
    this.classifier.poke();
  }

  /** @param {DragEvent} event */
  drop(event) {
    event.preventDefault();
    this.setState({ over: false });
    void this.take(event.dataTransfer?.files[0]);
  }

  hint() {
    const { problem, empty, note } = this.state;
    if (note) return note;
    if (state.models.value?.length === 0 || problem?.status === 404) return "No model yet: start a job first, it answers when it is done.";
    if (problem?.code === "no-digit") return "No digit in there yet.";
    if (problem) return problem.message;
    return empty ? "Draw a digit." : "…";
  }

  render() {
    const { answer, empty, over } = this.state;
    const none = { onPointerDown: this.down, onPointerMove: this.move, onPointerUp: this.up, onPointerCancel: this.up, onKeyDown: this.key };
    const events = Object.fromEntries(Object.entries(none).map(([name, method]) => [name, (/** @type {any} */ event) => method.call(this, event)]));
    return html`
      <section class="card board" aria-labelledby="board-title">
        <h2 id="board-title">Draw a digit</h2>
        <div class="paper ${over ? "over" : ""}" onDrop=${(/** @type {DragEvent} */ event) => this.drop(event)}
             onDragOver=${(/** @type {DragEvent} */ event) => (event.preventDefault(), this.setState({ over: true }))}
             onDragLeave=${() => this.setState({ over: false })}>
          <canvas ref=${this.canvas} tabindex="0" role="img" aria-label="Drawing board. Draw with mouse, finger or pen, or choose a picture below."
                  ...${events}></canvas>
          ${empty && html`<p class="paper-hint" aria-hidden="true">Draw here,<br />or drop a picture</p>`}
        </div>
        <div class="actions">
          <button type="button" disabled=${empty} onClick=${() => this.clear()}>Clear</button>
          <button type="button" disabled=${empty} onClick=${() => this.undo()}>Undo</button>
          <button type="button" onClick=${() => this.file.current.click()}>Picture…</button>
          <input ref=${this.file} type="file" accept="image/*" class="unseen" tabindex="-1" aria-label="Choose a picture of a digit"
                 onChange=${(/** @type {any} */ event) => (void this.take(event.currentTarget.files[0]), (event.currentTarget.value = ""))} />
        </div>
        <${AnswerView} answer=${answer} hint=${this.hint()} />
      </section>
    `;
  }
}
