// What came out of a job that has ended.

import { Component } from "/vendor/preact/dist/preact.mjs";
import { html } from "../html.js";
import { Matrix } from "../charts/matrix.js";
import { Button } from "./parts.js";
import { count, duration, loss, percent, size } from "../format.js";
import { inputOf } from "../state.js";

/** @typedef {import("../api.js").Job} Job */

/** @extends {Component<{ text: string, name: string }, { said: string }>} */
class Copy extends Component {
  constructor() {
    super();
    this.state = { said: "" };
  }

  async copy() {
    let said = "Copied";
    try {
      await navigator.clipboard.writeText(this.props.text);
    } catch {
      said = "Not allowed here";
    }
    this.setState({ said });
    setTimeout(() => this.setState({ said: "" }), 2000);
  }

  render() {
    const { said } = this.state;
    return html`
      <span class="copy">
        <code title=${this.props.text}>${this.props.text.slice(0, 16)}…</code>
        <${Button} kind="small" aria-label="Copy ${this.props.name}" onClick=${() => this.copy()}>
          ${said || "Copy"}
        <//>
      </span>
    `;
  }
}

/** @param {Job} job */
function seconds(job) {
  if (job.report?.seconds != null) return job.report.seconds;
  return job.started_at && job.ended_at
    ? (Date.parse(job.ended_at) - Date.parse(job.started_at)) / 1000
    : null;
}

/** @param {any} model */
const modelName = (model) =>
  typeof model === "string"
    ? model
    : model?.name
      ? `${model.name}, version ${model.version}`
      : "";

/** @param {any[]} fact its name and its value */
const fact = ([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`;

/** How the classes of another set fare, beside the test split's. @param {{ report: any }} props */
function TransferClasses({ report }) {
  const { test, transfer } = report;
  if (!transfer?.classes?.length) return null;
  return html`
    <div class="transfer">
      <h3>By class on ${transfer.dataset}</h3>
      <ul class="transfer-classes">
        ${transfer.classes.map(
          (/** @type {number | null} */ accuracy, /** @type {number} */ at) => html`
            <li key=${at}>
              <span class="muted">${at}</span> <b>${percent(accuracy)}</b>
              ${test?.classes && html`<span class="muted">test ${percent(test.classes[at])}</span>`}
            </li>
          `,
        )}
      </ul>
    </div>
  `;
}

/** @param {{ job: Job, confusion: import("../api.js").Confusion | null }} props */
export function Report({ job, confusion }) {
  const report = job.report ?? {};
  const test = report.test;
  const transfer = report.transfer;
  const sha = job.weights_sha256 || report.weights_sha256;
  const facts = [
    ["Test accuracy", test?.accuracy != null && html`<b>${percent(test.accuracy, 2)}</b>`],
    ["Test loss", test?.loss != null && loss(test.loss)],
    [`Test ${inputOf(job)}`, test?.images != null && count(test.images)],
    [
      transfer && `Accuracy on ${transfer.dataset}`,
      transfer?.accuracy != null && html`<b>${percent(transfer.accuracy, 2)}</b>`,
    ],
    ["Ended by", report.ended_by && report.ended_by !== "steps" && report.ended_by.replaceAll("_", " ")],
    [
      "Model of step",
      report.model_step != null && report.model_step !== report.steps && count(report.model_step),
    ],
    ["Time", seconds(job) != null && duration(seconds(job))],
    ["Parameters", job.parameters != null && job.parameters > 0 && count(job.parameters)],
    [
      "Planned memory",
      job.memory_bytes != null && job.memory_bytes > 0 && size(job.memory_bytes),
    ],
    ["Model", modelName(job.model)],
    ["Numerics", job.numerics_profile],
    [
      "Weights, SHA-256",
      sha && html`<${Copy} text=${sha} name="the SHA-256 of the weights" />`,
    ],
  ].filter(([, value]) => value);
  if (facts.length === 0 && !confusion) return null;
  return html`
    <section class="card report" aria-labelledby="report-title">
      <h2 id="report-title">Report</h2>
      <div class="report-parts">
        <dl class="report-facts">${facts.map(fact)}</dl>
        <${TransferClasses} report=${report} />
        ${
          test &&
          html`
          <div class=${`matrix-frame ${(test.classes?.length ?? 10) === 10 ? "ten" : ""}`}>${confusion && html`<${Matrix} confusion=${confusion} what=${inputOf(job)} />`}</div>
        `
        }
      </div>
    </section>
  `;
}
