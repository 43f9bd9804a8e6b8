// The worker's log, fetched when it is asked for.

import { Component } from "/vendor/preact/dist/preact.mjs";
import { html } from "../html.js";
import { getLog } from "../api.js";
import { Button } from "./parts.js";

/** @typedef {{ open: boolean, text: string | null, problem: string }} State */

/** @extends {Component<{ job: import("../api.js").Job }, State>} */
export class Log extends Component {
  constructor() {
    super();
    /** @type {State} */
    this.state = { open: false, text: null, problem: "" };
  }

  async load() {
    try {
      this.setState({ text: await getLog(this.props.job.id), problem: "" });
    } catch (error) {
      this.setState({ problem: /** @type {Error} */ (error).message });
    }
  }

  /** @param {{ job: import("../api.js").Job }} before */
  componentDidUpdate(before) {
    if (this.state.open && before.job.state !== this.props.job.state) void this.load();
  }

  /** @param {any} event */
  toggle(event) {
    const open = event.currentTarget.open;
    if (open === this.state.open) return;
    this.setState({ open });
    if (open) void this.load();
  }

  render() {
    const { text, problem } = this.state;
    const shown = text === null ? "…" : text || "Nothing was logged.";
    return html`
      <details class="card log" onToggle=${(/** @type {any} */ event) => this.toggle(event)}>
        <summary>The worker's log</summary>
        ${problem && html`<p class="hint bad">${problem}</p>`}
        <pre tabindex="0" aria-label="The worker's log">${shown}</pre>
        <${Button} kind="small" onClick=${() => this.load()}>Refresh<//>
      </details>
    `;
  }
}
