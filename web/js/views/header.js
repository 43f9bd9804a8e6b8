// The strip at the top: whose page this is, the machine behind it, and whether it is reached.

import { Component } from "/vendor/preact/dist/preact.mjs";
import { html } from "../html.js";
import { count, size } from "../format.js";
import { state } from "../state.js";
import { Button } from "./parts.js";

const CONNECTION = {
  connecting: "Connecting",
  live: "Live",
  lost: "Not connected",
  paused: "Paused",
};

/** @param {{ name: string, children?: any }} props */
const Fact = ({ name, children }) =>
  html`<div class="fact"><dt>${name}</dt><dd>${children}</dd></div>`;

function System() {
  const { value, problem } = state.system;
  if (!value)
    return html`<p class="facts quiet">${problem ? "The machine's facts did not come." : "…"}</p>`;
  return html`
    <dl class="facts" aria-label="The machine">
      <${Fact} name="Cores">${count(value.cores)}<//>
      <${Fact} name="Memory">
        ${size(value.free_memory_bytes)}
        <span class="quiet"> of ${size(value.memory_bytes)} free</span>
      <//>
      <${Fact} name="Numerics">${value.numerics_profile || "auto"}<//>
      <${Fact} name="Version">${value.version}<//>
    </dl>
  `;
}

export function Header() {
  return html`
    <header class="top">
      <h1><img src="/favicon.svg" alt="" width="28" height="28" />Unroll</h1>
      <${System} />
      <p class="connection ${state.connection}" role="status">
        ${CONNECTION[state.connection]}
      </p>
    </header>
  `;
}

/**
 * Says that the daemon is not reached, and when the next attempt is due.
 * @extends {Component<{ reconnect: () => void }>}
 */
export class Banner extends Component {
  componentDidMount() {
    this.timer = setInterval(() => state.connection === "lost" && this.setState({}), 1000);
  }

  componentWillUnmount() {
    clearInterval(this.timer);
  }

  render() {
    if (state.connection !== "lost") return null;
    const seconds = Math.max(0, Math.ceil((state.retryAt - Date.now()) / 1000));
    return html`
      <div class="banner" role="alert">
        <span>The connection to the daemon is lost. Training goes on without this page.</span>
        <span class="quiet" aria-hidden="true">Next attempt in ${seconds} s.</span>
        <${Button} kind="small" onClick=${this.props.reconnect}>Try now<//>
      </div>
    `;
  }
}
