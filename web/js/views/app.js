// The frame of the page: what lies where.

import { html } from "../html.js";
import { select } from "../actions.js";
import { findJob, state } from "../state.js";
import { Board } from "./board.js";
import { Banner, Header } from "./header.js";
import { JobResults, JobView } from "./job.js";
import { JobList } from "./jobs.js";
import { Skeleton } from "./parts.js";
import { Start } from "./start.js";

function Middle() {
  if (!state.jobsLoaded.value && !state.jobsLoaded.problem) {
    return html`<${Skeleton} name="the jobs" />`;
  }
  if (state.selected === null) return html`<${Start} />`;
  const job = findJob(state.selected);
  if (job) return html`<${JobView} key=${job.id} job=${job} />`;
  return html`<${Skeleton} name="the job" />`;
}

function Results() {
  const job = state.selected && findJob(state.selected);
  return job ? html`<${JobResults} job=${job} />` : null;
}

/** @param {{ reconnect: () => void }} props */
export function App({ reconnect }) {
  return html`
    <a class="skip" href="#main" onClick=${skip}>Skip to the job</a>
    <${Header} />
    <${Banner} reconnect=${reconnect} />
    <div class="columns">
      <aside class="rail" aria-label="Jobs"><${JobList} onNew=${() => select(null)} /></aside>
      <main id="main" class="middle" tabindex="-1">
        <div class="work"><${Middle} /></div>
        <section class="side" aria-label="Drawing board" id="board"><${Board} /></section>
        <div class="results"><${Results} /></div>
      </main>
    </div>
  `;
}

/**
 * The address holds the selected job, so the link must not change it.
 * @param {Event} event
 */
function skip(event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}
