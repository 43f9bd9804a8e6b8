// Starts the page: draws it, fetches what it shows, and follows the daemon's events.

import { h, render } from "/vendor/preact/dist/preact.mjs";
import {
  connect,
  loadForm,
  loadJobs,
  loadModels,
  loadSystem,
  selectFromAddress,
} from "./actions.js";
import { findJob, jobName, state, subscribe } from "./state.js";
import { percent } from "./format.js";
import { App } from "./views/app.js";

const SYSTEM_EVERY_MS = 15000;

function showTitle() {
  const job = findJob(state.selected);
  const running = job?.state === "running";
  document.title = job
    ? `${running ? `${percent(job.progress, 0)} · ` : ""}${jobName(job)} · Unroll`
    : "Unroll";
}

async function start() {
  const root = /** @type {HTMLElement} */ (document.getElementById("app"));
  root.replaceChildren();
  const stream = connect();
  const draw = () => {
    render(h(App, { reconnect: () => stream.open() }), root);
    showTitle();
  };
  subscribe(draw);
  draw();
  addEventListener("hashchange", selectFromAddress);
  // Free memory moves, and a connection that died without a word shows itself here.
  setInterval(() => document.hidden || void loadSystem(), SYSTEM_EVERY_MS);
  void Promise.all([loadSystem(), loadModels(), loadForm()]);
  await loadJobs();
  selectFromAddress();
}

void start();
