// The frame of the page: how it is served, how it fits, and what it does when it is hidden or the daemon is gone.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import http from 'node:http';
import { drawOn, endless, get, post, startBrowser, startDaemon, train, until, withPage } from './support.mjs';

let daemon;
let browser;
let finished;
const open = (options, work) => withPage(browser, daemon, options, work);

before(async () => {
  daemon = await startDaemon();
  browser = await startBrowser();
  finished = await train(daemon, 'smoke');
});

after(async () => {
  await browser?.close();
  await daemon?.close();
});

/** fetch unpacks what it gets; this gives the bytes and headers as they come. */
const raw = (address, headers = {}) =>
  new Promise((resolve, reject) =>
    http.get(daemon.url + address, { headers }, async (reply) => {
      const parts = [];
      for await (const part of reply) parts.push(part);
      resolve({ status: reply.statusCode, headers: reply.headers, body: Buffer.concat(parts) });
    }).on('error', reject));

test('every file is served with its digest, a gzip twin and a strict policy', { timeout: 60000 }, async () => {
  const found = new Set(['/']);
  await open({}, async (page) => {
    await page.getByText('Live', { exact: true }).waitFor();
    const names = await page.evaluate(() => performance.getEntriesByType('resource').map((entry) => entry.name));
    for (const address of names.map((name) => new URL(name).pathname)) if (!address.startsWith('/v1/')) found.add(address);
  });
  for (const address of ['/js/main.js', '/css/page.css', '/vendor/preact/dist/preact.mjs', '/vendor/uplot/dist/uPlot.esm.js'])
    assert.ok(found.has(address), `${address} among ${[...found]}`);
  for (const address of found) {
    const plain = await raw(address);
    const packed = await raw(address, { 'Accept-Encoding': 'gzip' });
    assert.equal(plain.status, 200, address);
    const digest = createHash('sha256').update(plain.body).digest('hex').slice(0, 16);
    assert.ok(plain.headers.etag.includes(digest), `${address}: ${plain.headers.etag}`);
    assert.match(plain.headers['content-security-policy'] ?? '', /default-src 'self'/, address);
    assert.doesNotMatch(plain.headers['content-security-policy'], /unsafe/, address);
    assert.equal(plain.headers['x-content-type-options'], 'nosniff', address);
    if (packed.headers['content-encoding'] === 'gzip') assert.deepEqual(gunzipSync(packed.body), plain.body, address);
    if (plain.body.length > 1000) assert.equal(packed.headers['content-encoding'], 'gzip', address);
    assert.equal((await raw(address, { 'If-None-Match': plain.headers.etag })).status, 304, address);
  }
});

/** Two frames after all is there, little may have moved: 0.1 is what browsers call good. */
async function still(page) {
  const shift = await page.evaluate(() => new Promise((resolve) =>
    requestAnimationFrame(() => requestAnimationFrame(() => resolve(globalThis.shift)))));
  assert.ok(shift < 0.1, `cumulative layout shift ${shift}`);
}

const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

for (const scheme of ['light', 'dark'])
  test(`a phone, ${scheme}: nothing is wider than the screen, and nothing jumps`, { timeout: 120000 }, () =>
    open({ ...phone, colorScheme: scheme, address: `/#/jobs/${finished.id}`, expected: [/status of 422/] }, async (page) => {
      const fits = async (where) => {
        const [wide, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        assert.ok(wide <= 360 && screen === 360, `${where}: ${wide} of ${screen}`);
      };
      await page.locator('.matrix tbody tr').nth(9).waitFor();
      await still(page);
      await fits('a finished job');
      await page.getByRole('button', { name: 'New job' }).tap();
      await page.getByText('All fields').tap();
      await page.getByLabel('Numerics', { exact: true }).waitFor();
      await fits('the form');
      const colour = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const brightness = colour.match(/\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 3;
      assert.equal(brightness < 128, scheme === 'dark', colour);
      await page.locator('.paper').scrollIntoViewIfNeeded();
      await drawOn(page, [[[0.3, 0.25], [0.7, 0.25], [0.45, 0.8]]]);
      await page.locator('.said .digit:not(.nothing)').waitFor();
      await fits('an answer');
    }));

test('the wide page does not jump while it loads', { timeout: 60000 }, () =>
  open({ address: `/#/jobs/${finished.id}` }, async (page) => {
    await page.locator('.matrix tbody tr').nth(9).waitFor();
    await still(page);
  }));

test('a picture from a file is named too', { timeout: 60000 }, () =>
  open({}, async (page) => {
    const png = await page.evaluate(async () => {
      const canvas = document.createElement('canvas');
      canvas.width = 300;
      canvas.height = 400;
      const context = canvas.getContext('2d');
      context.fillStyle = '#fff';
      context.fillRect(0, 0, 300, 400);
      context.lineWidth = 26;
      context.moveTo(150, 80);
      context.lineTo(150, 320);
      context.stroke();
      return canvas.toDataURL('image/png').split(',')[1];
    });
    await page.locator('input[type=file]').setInputFiles({ name: 'one.png', mimeType: 'image/png', buffer: Buffer.from(png, 'base64') });
    await page.locator('.said .digit:not(.nothing)').waitFor();
    await page.getByRole('button', { name: 'Clear' }).click();
    await page.locator('input[type=file]').setInputFiles({ name: 'no.png', mimeType: 'image/png', buffer: Buffer.from('not a picture') });
    await page.getByText('no picture that a browser can read').waitFor();
  }));

test('the keyboard reaches everything', { timeout: 60000 }, () =>
  open({ address: '/#/new' }, async (page) => {
    await page.getByRole('radio').first().focus();
    await page.keyboard.press('ArrowDown');
    const second = (await get(daemon, '/v1/presets')).items[1];
    await page.locator('.preset.chosen').getByText(second.name, { exact: true }).waitFor();
    const names = new Set();
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press('Tab');
      names.add(await page.evaluate(() => {
        const element = document.activeElement;
        return element.getAttribute('aria-label') ?? element.labels?.[0]?.innerText ?? element.innerText;
      }));
    }
    for (const name of ['Data set', 'Learning rate', 'All fields', 'Start training', 'Picture…', 'New job'])
      assert.ok(names.has(name), `${name} among ${[...names].join(', ')}`);
  }));

/** The streams that the daemon itself counts; it notices a closed one at its next heartbeat. */
const watchers = async () => Number(/^unroll_watchers (\d+)$/m.exec((await raw('/metrics')).body.toString())[1]);

test('hidden, the page lets go of its stream; shown again, it goes on where it was', { timeout: 120000 }, () =>
  open({}, async (page) => {
    const streams = [];
    page.on('request', (request) => request.url().includes('/v1/events') && streams.push(request.url()));
    const { id } = await post(daemon, '/v1/jobs', endless('hidden'));
    await page.getByRole('link', { name: /hidden/ }).click();
    await page.locator('.plot[aria-label*="to step"]').first().waitFor();
    const turn = (hidden) =>
      page.evaluate((value) => {
        Object.defineProperty(document, 'hidden', { configurable: true, get: () => value });
        document.dispatchEvent(new Event('visibilitychange'));
      }, hidden);
    await turn(true);
    await page.getByText('Paused', { exact: true }).waitFor();
    await until(watchers, (count) => count === 0);
    assert.equal(streams.length, 0);
    await turn(false);
    await page.getByText('Live', { exact: true }).waitFor();
    assert.equal(streams.length, 1);
    assert.match(decodeURIComponent(streams[0]), new RegExp(`last_event_id=.*${id}:\\d+`));
    await post(daemon, `/v1/jobs/${id}:cancel`);
    await page.locator('.job .badge.cancelled').waitFor();
  }));

test('without its daemon the page says so, and comes back with it', { timeout: 120000 }, () =>
  open({ address: `/#/jobs/${finished.id}`, expected: [/net::ERR_/] }, async (page) => {
    await page.getByText('Live', { exact: true }).waitFor();
    await daemon.stop();
    await page.getByRole('alert').getByText('connection to the daemon is lost').waitFor();
    await daemon.start();
    await page.getByRole('button', { name: 'Try now' }).click({ timeout: 2000 }).catch(() => {}); // it may have come back by itself
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByRole('alert').waitFor({ state: 'detached' });
    await page.getByRole('link', { name: /smoke/ }).waitFor();
  }));
