// One job: how far it is, its curves, what can be done with it, and its report.

import { Component } from "/vendor/preact/dist/preact.mjs";
import { html } from "../html.js";
import { commandJob, curves, deleteJob, loadCurves, useAsTemplate } from "../actions.js";
import { LineChart } from "../charts/line.js";
import { count, duration, loss, percent } from "../format.js";
import { ended, inputOf, jobName, state } from "../state.js";
import { Confirm } from "./confirm.js";
import { InsideTheNetwork } from "./insight.js";
import { Log } from "./log.js";
import { Badge, Button, Fill } from "./parts.js";
import { Report } from "./report.js";

/** @typedef {import("../api.js").Job} Job */

/** The steps of the whole run; 0 where they are not known yet. @param {Job} job */
export function stepsOf(job) {
  const known = job.steps ?? job.spec?.train?.steps;
  if (known) return Number(known);
  return job.step && job.progress ? Math.round(job.step / job.progress) : 0;
}

/** @param {Job} job */
function description(job) {
  const { model, train, dataset } = job.spec ?? {};
  if (!model || !train) return "";
  const { layers, bidirectional, dropout } = model;
  return [
    `${model.cell} ${layers > 1 ? `${layers} × ` : ""}${model.hidden}`,
    bidirectional && "both directions",
    `${model.readout} output`,
    dropout > 0 && `dropout ${dropout}`,
    dataset,
    train.augment && "augmented",
    `batch ${train.batch}`,
    `${train.optimizer?.name} ${train.optimizer?.learning_rate}`,
    `seed ${train.seed}`,
  ]
    .filter(Boolean)
    .join(" · ");
}

/**
 * What the worker does while it does not train, and what kept the job from it.
 * @param {Job} job
 */
function circumstances(job) {
  const { phase, phase_done: done, queue_position: place, restarts = 0 } = job;
  const known = !ended(job) && phase && phase !== "training";
  return [
    place && `place ${place} in the queue`,
    known && `${phase}${done ? ` ${percent(done, 0)}` : ""}`,
    restarts > 0 && `resumed ${restarts === 1 ? "once" : `${restarts} times`}`,
  ];
}

/** @param {{ job: Job }} props */
function Progress({ job }) {
  const part = job.progress ?? 0;
  const steps = stepsOf(job);
  const facts = [
    `step ${count(job.step ?? 0)}${steps ? ` of ${count(steps)}` : ""}`,
    `epoch ${count(job.epoch ?? 0)}`,
    !ended(job) && job.eta_s != null && `${duration(job.eta_s)} left`,
    ...circumstances(job),
  ].filter(Boolean);
  return html`
    <div class="progress">
      <div class="track large" role="progressbar" aria-label="Progress of the job"
           aria-valuemin="0" aria-valuemax="100" aria-valuenow=${Math.floor(part * 100)}>
        <${Fill} state=${job.state} part=${part} />
      </div>
      <p class="progress-facts"><b>${percent(part, 0)}</b><span>${facts.join(" · ")}</span></p>
    </div>
  `;
}

/** @param {{ name: string, value: string }} props */
const Tile = ({ name, value }) =>
  html`<div class="tile"><dt>${name}</dt><dd>${value}</dd></div>`;

/** @param {{ job: Job }} props */
function Tiles({ job }) {
  const validation =
    curves.validationAccuracy.value.at(-1) ?? job.report?.validation?.accuracy ?? null;
  const speed = job.images_per_second ?? job.report?.images_per_second;
  return html`
    <dl class="tiles">
      <${Tile} name="Loss" value=${job.diverged ? "diverged" : loss(job.loss)} />
      <${Tile} name="Accuracy" value=${percent(job.accuracy)} />
      <${Tile} name="Validation" value=${percent(validation)} />
      <${Tile} name=${inputOf(job) === "series" ? "Series / s" : "Images / s"} value=${count(speed)} />
    </dl>
  `;
}

/** @param {{ job: Job }} props */
function Failure({ job }) {
  if (!job.error) return null;
  const text =
    typeof job.error === "string"
      ? job.error
      : job.error.detail || job.error.error || job.error.code;
  if (!text) return null;
  const grave = job.state === "failed" || job.state === "diverged";
  if (!grave) return html`<div class="note" role="status"><p>${text}</p></div>`;
  return html`<div class="problem" role="alert"><p>${text}</p></div>`;
}

function CurvesProblem() {
  const problem = state.curvesProblem;
  if (!problem) return null;
  return html`
    <p class="hint bad">
      The history of the curves did not come: ${problem.message}
      <${Button} kind="small" onClick=${() => loadCurves()}>Try again<//>
    </p>
  `;
}

const QUESTIONS = {
  cancel: {
    title: "Discard this job?",
    text:
      "Training ends and everything that was learnt is thrown away. " +
      "To keep it, stop the job instead.",
    yes: "Discard",
    no: "Keep training",
  },
  delete: {
    title: "Delete this job?",
    text: "Its curves, log and checkpoints are removed. A model that it made stays.",
    yes: "Delete",
    no: "Keep it",
  },
};

/** What is left of a job: its report and its log. @param {{ job: Job }} props */
export function JobResults({ job }) {
  return html`
    ${ended(job) && html`<${Report} job=${job} confusion=${state.confusion} />`}
    <${InsideTheNetwork} insight=${state.insight} />
    <${Log} key=${job.id} job=${job} />
  `;
}

/**
 * @typedef {object} State
 * @property {boolean} log
 * @property {keyof typeof QUESTIONS | null} question
 * @property {boolean} busy
 * @property {string} problem
 */

/** @extends {Component<{ job: Job }, State>} */
export class JobView extends Component {
  constructor() {
    super();
    /** @type {State} */
    this.state = { log: false, question: null, busy: false, problem: "" };
  }

  /** @param {() => Promise<any>} work */
  async run(work) {
    this.setState({ busy: true, question: null, problem: "" });
    try {
      await work();
      this.setState({ busy: false });
    } catch (error) {
      this.setState({ busy: false, problem: /** @type {Error} */ (error).message });
    }
  }

  actions() {
    const { job } = this.props;
    const { busy } = this.state;
    const ask = (/** @type {keyof typeof QUESTIONS} */ question) => () =>
      this.setState({ question });
    if (ended(job)) {
      const { spec } = job;
      return html`
        ${spec && html`<${Button} onClick=${() => useAsTemplate(spec)}>Use as template<//>`}
        <${Button} kind="danger-quiet" disabled=${busy} onClick=${ask("delete")}>Delete<//>
      `;
    }
    const stopping = busy || job.state === "stopping";
    const rests = job.state === "paused";
    return html`
      <${Button} disabled=${stopping}
                 title=${rests ? "Goes on from the checkpoint" : "Gives memory and cores back until resumed"}
                 onClick=${() => this.run(() => commandJob(job.id, rests ? "resume" : "pause"))}>
        ${rests ? "Resume" : "Pause"}
      <//>
      <${Button} kind="primary" disabled=${stopping} title="Ends training and keeps what was learnt"
                 onClick=${() => this.run(() => commandJob(job.id, "stop"))}>
        ${job.state === "stopping" ? "Stopping…" : "Stop and keep"}
      <//>
      <${Button} kind="danger-quiet" disabled=${stopping} onClick=${ask("cancel")}>Cancel<//>
    `;
  }

  dialog() {
    const { question } = this.state;
    const { job } = this.props;
    if (!question) return null;
    const answer =
      question === "cancel" ? () => commandJob(job.id, "cancel") : () => deleteJob(job.id);
    const no = () => this.setState({ question: null });
    return html`
      <${Confirm} ...${QUESTIONS[question]} onYes=${() => this.run(answer)} onNo=${no} />
    `;
  }

  charts() {
    const { job } = this.props;
    const { log } = this.state;
    const common = { version: state.curvesVersion, steps: ended(job) ? 0 : stepsOf(job) };
    const setLog = (/** @type {any} */ event) =>
      this.setState({ log: event.currentTarget.checked });
    return html`
      <${CurvesProblem} />
      <${LineChart} ...${common} name="Loss" colour="--loss" log=${log} format=${loss}
                    train=${curves.loss} validation=${curves.validationLoss}>
        <label class="toggle">
          <input type="checkbox" checked=${log} onChange=${setLog} />log scale
        </label>
      <//>
      <${LineChart} ...${common} name="Accuracy" colour="--accuracy" log=${false} unit=${true}
                    format=${percent} train=${curves.accuracy}
                    validation=${curves.validationAccuracy} />
    `;
  }

  render() {
    const { job } = this.props;
    const { problem } = this.state;
    return html`
      <section class="card job" aria-labelledby="job-title">
        <div class="heading">
          <div class="job-title">
            <h2 id="job-title">${jobName(job)}</h2>
            <span role="status"><${Badge} job=${job} /></span>
          </div>
          <div class="actions">${this.actions()}</div>
        </div>
        <p class="description">${description(job)}</p>
        <${Failure} job=${job} />
        ${problem && html`<div class="problem" role="alert"><p>${problem}</p></div>`}
        <${Progress} job=${job} />
        <${Tiles} job=${job} />
        ${this.charts()}
      </section>
      ${this.dialog()}
    `;
  }
}
