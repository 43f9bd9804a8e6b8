// What the tests of the page stand on: a real daemon in a state directory of its own, and a real browser.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const root = fileURLToPath(new URL('../..', import.meta.url));
const programs = path.resolve(root, process.env.UR_BIN_DIR ?? 'build/release/bin');

/** Runs the daemon until it says where it listens. */
async function run(folder, port) {
  const args = ['--listen', `127.0.0.1:${port}`, '--state-dir', folder];
  const child = spawn(path.join(programs, 'unrolld'), args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (text) => (said = (said + text).slice(-8000)));
  const url = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => reject(new Error(`unrolld ended (${code ?? signal}) before it listened:\n${said}`)));
    createInterface(child.stdout).on('line', (line) => {
      const found = /listening on (http:\/\/\S+)/.exec(line);
      if (found) resolve(found[1].replace(/\/$/, ''));
    });
  });
  return { child, url };
}

/** A daemon of its own. stop() ends it, start() brings it back at the same address with the same state. */
export async function startDaemon() {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'unroll-web-'));
  let { child, url } = await run(folder, 0);
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await gone;
  };
  return {
    url,
    stop,
    start: async () => ({ child } = await run(folder, new URL(url).port)),
    close: async () => {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Sends JSON to the daemon, as any client would. */
export async function post(daemon, address, body) {
  const headers = body === undefined ? {} : { 'Content-Type': 'application/json' };
  const reply = await fetch(daemon.url + address, { method: 'POST', headers, body: body === undefined ? undefined : JSON.stringify(body) });
  if (!reply.ok) throw new Error(`POST ${address}: ${reply.status} ${await reply.text()}`);
  return reply.json();
}

export async function get(daemon, address) {
  const reply = await fetch(daemon.url + address);
  if (!reply.ok) throw new Error(`GET ${address}: ${reply.status} ${await reply.text()}`);
  return reply.json();
}

const ENDED = new Set(['succeeded', 'stopped', 'cancelled', 'diverged', 'failed']);

export async function untilEnded(daemon, id) {
  for (;;) {
    const job = await get(daemon, `/v1/jobs/${id}`);
    if (ENDED.has(job.state)) return job;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Trains a preset to its end without the page. */
export async function train(daemon, preset, changes = {}) {
  const { items } = await get(daemon, '/v1/presets');
  const found = items.find((item) => item.name === preset);
  if (!found) throw new Error(`no preset ${preset} among ${items.map((item) => item.name)}`);
  const { id } = await post(daemon, '/v1/jobs', { ...found.spec, ...changes });
  return untilEnded(daemon, id);
}

/** A job that goes on until it is stopped. */
export const endless = (name) => ({
  name,
  dataset: 'digits',
  data: { count: 2000 },
  model: { hidden: 32, readout: 'mean' },
  train: { steps: 1000000, batch: 32, validation: 200 },
});

export const startBrowser = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });

/**
 * Opens the page, lets work have it, and then asks for what must not happen in it: errors, refusals of the Content-Security-Policy,
 * requests to anybody else. What a test provokes on purpose it names in `expected`.
 */
export async function withPage(browser, daemon, { address = '/', expected = [], ...options }, work) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const troubles = [];
  const note = (text) => expected.some((pattern) => pattern.test(text)) || troubles.push(text);
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && note(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => note(`exception: ${error.stack}`));
  page.on('request', (request) => request.url().startsWith(`${daemon.url}/`) || note(`request to ${request.url()}`));
  await page.addInitScript(() => {
    globalThis.refusals = [];
    document.addEventListener('securitypolicyviolation', (event) =>
      globalThis.refusals.push(`refused by ${event.violatedDirective}: ${event.blockedURI}`));
    globalThis.shift = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) globalThis.shift += entry.value;
    }).observe({ type: 'layout-shift', buffered: true });
  });
  try {
    await page.goto(daemon.url + address);
    await work(page);
    assert.deepEqual([...troubles, ...(await page.evaluate(() => globalThis.refusals))], []);
  } finally {
    await context.close();
  }
}

/** Looks until a value passes, for as long as the test may run. */
export async function until(look, passes) {
  for (;;) {
    const value = await look();
    if (passes(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Draws strokes on the board as a hand would; points are parts of the board's side. */
export async function drawOn(page, strokes) {
  const box = await page.locator('.paper canvas').boundingBox();
  const at = ([x, y]) => [box.x + x * box.width, box.y + y * box.height];
  for (const [first, ...rest] of strokes) {
    await page.mouse.move(...at(first));
    await page.mouse.down();
    for (const point of rest) await page.mouse.move(...at(point), { steps: 4 });
    await page.mouse.up();
  }
}

/** A part of an ellipse, in degrees clockwise from the right. */
export function arc(x, y, width, height, from, to) {
  const n = Math.max(2, Math.ceil(Math.abs(to - from) / 12));
  return Array.from({ length: n + 1 }, (_, i) => {
    const angle = ((from + ((to - from) * i) / n) * Math.PI) / 180;
    return [x + width * Math.cos(angle), y + height * Math.sin(angle)];
  });
}

/** The ten digits in the simple strokes in which most people draw them. */
export const DIGITS = {
  0: [arc(0.5, 0.5, 0.2, 0.3, -90, 270)],
  1: [[[0.38, 0.32], [0.52, 0.2], [0.52, 0.8]]],
  2: [[...arc(0.5, 0.36, 0.19, 0.16, -170, 40), [0.3, 0.8], [0.72, 0.8]]],
  3: [[...arc(0.46, 0.35, 0.19, 0.15, -150, 80), ...arc(0.46, 0.65, 0.22, 0.16, -80, 150)]],
  4: [[[0.45, 0.2], [0.27, 0.58], [0.74, 0.58]], [[0.6, 0.36], [0.6, 0.82]]],
  5: [[[0.68, 0.2], [0.36, 0.2], [0.34, 0.46], ...arc(0.48, 0.62, 0.2, 0.18, -120, 150)]],
  6: [[[0.6, 0.18], [0.42, 0.36], ...arc(0.49, 0.63, 0.17, 0.17, 190, -170)]],
  7: [[[0.28, 0.22], [0.72, 0.22], [0.46, 0.82]]],
  8: [[...arc(0.5, 0.34, 0.15, 0.14, 90, -270), ...arc(0.5, 0.65, 0.19, 0.17, -90, 270)]],
  9: [[...arc(0.5, 0.37, 0.17, 0.17, 0, -360), [0.66, 0.5], [0.6, 0.82]]],
};
