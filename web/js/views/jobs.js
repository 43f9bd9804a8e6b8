// The list of jobs, newest first.

import { html } from "../html.js";
import { loadJobs, select } from "../actions.js";
import { ago, count, percent } from "../format.js";
import { ended, jobName, state } from "../state.js";
import { Badge, Button, Fill } from "./parts.js";

/** @typedef {import("../api.js").Job} Job */

/**
 * The accuracy that says most about a job: of the test set once there is one, else of the
 * newest minibatch.
 * @param {Job} job
 */
export function bestAccuracy(job) {
  return job.report?.test?.accuracy ?? job.accuracy;
}

/** @param {{ job: Job }} props */
function Row({ job }) {
  const current = job.id === state.selected;
  const part = job.progress ?? 0;
  const facts = ended(job)
    ? ago(job.ended_at ?? job.created_at)
    : `${percent(part, 0)} · step ${count(job.step ?? 0)}`;
  return html`
    <li>
      <a class="job-row" href="#/jobs/${job.id}" aria-current=${current ? "true" : undefined}
         onClick=${(/** @type {MouseEvent} */ event) => follow(event, job.id)}>
        <span class="job-row-name">${jobName(job)}</span>
        <${Badge} job=${job} />
        <span class="job-row-facts">${facts}</span>
        <span class="job-row-accuracy">${percent(bestAccuracy(job))}</span>
        <span class="track" aria-hidden="true">
          <${Fill} state=${job.state} part=${part} />
        </span>
      </a>
    </li>
  `;
}

/** @param {MouseEvent} event @param {string} id */
function follow(event, id) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return; // another tab was asked for
  event.preventDefault();
  select(id);
}

function Rows() {
  const { value, problem } = state.jobsLoaded;
  if (problem && !value) return html`<p class="hint bad">${problem.message}</p>`;
  if (!value)
    return html`<ul class="job-rows" aria-busy="true"><li class="job-row ghost"></li></ul>`;
  if (state.jobs.length === 0)
    return html`<p class="hint">No job yet. The first one takes less than a minute.</p>`;
  return html`
    <ul class="job-rows">${state.jobs.map((job) => html`<${Row} key=${job.id} job=${job} />`)}</ul>
    ${state.jobsCursor && html`<${Button} kind="small" onClick=${() => loadJobs(true)}>Older jobs<//>`}
  `;
}

/** @param {{ onNew: () => void }} props */
export function JobList({ onNew }) {
  return html`
    <section class="card">
      <div class="heading">
        <h2>Jobs</h2>
        <${Button} kind="small primary" aria-pressed=${state.selected === null} onClick=${onNew}>
          New job
        <//>
      </div>
      <${Rows} />
    </section>
  `;
}
