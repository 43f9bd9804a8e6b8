// The page in a real browser against a real daemon with real workers.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DIGITS, drawOn, endless, get, post, startBrowser, startDaemon, train, until, untilEnded, withPage } from './support.mjs';

let daemon;
let browser;

before(async () => {
  daemon = await startDaemon();
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  await daemon?.close();
});

const open = (options, work) => withPage(browser, daemon, options, work);
const badge = (page) => page.locator('.job .badge');
const plot = (page) => page.locator('.plot').first();
/** The last step that the chart shows. */
const chartStep = async (page) => Number(/to step (\d+)/.exec((await plot(page).getAttribute('aria-label')) ?? '')?.[1] ?? 0);
const pixels = (page) => plot(page).locator('canvas').evaluate((canvas) => canvas.toDataURL());

test('an empty daemon: the page says what to do first', { timeout: 60000 }, () =>
  open({}, async (page) => {
    await page.getByText('No job yet').waitFor();
    await page.getByText('No model yet').waitFor();
    await page.getByRole('heading', { name: 'Start a job' }).waitFor();
    assert.match(await page.locator('.facts').innerText(), /Cores\s*\d+/);
    await page.getByText('Live', { exact: true }).waitFor();
  }));

test('a preset whose data set is not here says what fetches it', { timeout: 60000 }, () =>
  open({ address: '/#/new' }, async (page) => {
    const preset = page.locator('.preset', { hasText: 'textbook-lstm' });
    await preset.getByText('script/fetch-mnist').waitFor();
    assert.equal(await page.locator('.preset', { hasText: 'smoke' }).locator('.preset-missing').count(), 0);
  }));

test('the built-in digits can be looked at before anything is trained on them', { timeout: 60000 }, () =>
  open({ address: '/#/new' }, async (page) => {
    await page.getByText('What the digits look like').click();
    const sheet = page.locator('.sheet img');
    await until(() => sheet.evaluate((image) => image.naturalWidth), (width) => width > 200);
    await page.getByLabel('Data set', { exact: true }).fill('mnist');
    assert.equal(await sheet.count(), 0);
  }));

test('a wrong field shows its error beside it, and only there', { timeout: 60000 }, () =>
  open({ address: '/#/new', expected: [/status of 422/] }, async (page) => {
    await page.getByLabel('Batch', { exact: true }).fill('99999');
    await page.getByLabel('Hidden units', { exact: true }).fill('many');
    await page.getByRole('button', { name: 'Start training' }).click();
    await page.locator('.field.wrong').first().waitFor();
    const wrong = page.locator('.field.wrong');
    assert.deepEqual(await wrong.locator('label').allInnerTexts(), ['Hidden units', 'Batch']);
    assert.match(await wrong.last().locator('.field-error').innerText(), /4096/);
    const focused = await page.evaluate(() => [document.activeElement.id, document.activeElement.getAttribute('aria-invalid')]);
    assert.deepEqual(focused, ['field-model-hidden', 'true']);
    await page.getByLabel('Batch', { exact: true }).fill('64');
    assert.equal(await page.getByLabel('Batch', { exact: true }).getAttribute('aria-invalid'), null);
    assert.deepEqual((await get(daemon, '/v1/jobs')).items, []);
  }));

test('a wrong field among the hidden ones is brought to light', { timeout: 60000 }, () =>
  open({ address: '/#/new', expected: [/status of 422/] }, async (page) => {
    await page.getByText('All fields').click();
    await page.getByLabel('Checkpoint s', { exact: true }).fill('-1');
    await page.getByText('All fields').click();
    await page.getByRole('button', { name: 'Start training' }).click();
    await page.locator('.field.wrong').getByLabel('Checkpoint s', { exact: true }).waitFor();
  }));

test('a group that may be none shows its fields once it is switched on, and what is off is not sent', { timeout: 60000 }, () =>
  open({ address: '/#/new', expected: [/net::ERR_FAILED/] }, async (page) => {
    let sent;
    await page.route('**/v1/jobs', async (route) => {
      if (route.request().method() !== 'POST') return route.continue();
      sent = route.request().postDataJSON();
      await route.abort();
    });
    const start = async () => {
      sent = null;
      await page.getByRole('button', { name: 'Start training' }).click();
      return until(() => sent, Boolean);
    };
    await page.getByText('All fields').click();
    const shift = page.getByLabel('Shift', { exact: true });
    assert.equal(await shift.count(), 0);
    await page.getByLabel('Augment', { exact: true }).selectOption('on');
    await shift.fill('2');
    assert.deepEqual((await start()).train.augment, { shift: 2 });
    await page.getByLabel('Augment', { exact: true }).selectOption('off');
    assert.equal(await shift.count(), 0);
    assert.equal((await start()).train.augment ?? null, null);
  }));

test('on a small screen the presets lie in a row, and nothing sticks out of the page', { timeout: 60000 }, () =>
  open({ address: '/#/new', viewport: { width: 360, height: 740 } }, async (page) => {
    await page.getByText('smoke', { exact: true }).waitFor();
    const [all, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(all <= seen, `${all} pixels wide on a screen of ${seen}`);
    assert.ok((await page.locator('.presets').boundingBox()).height < 260);
  }));

test('the charts move while a job runs, and stop keeps what was learnt', { timeout: 120000 }, () =>
  open({ address: '/#/new' }, async (page) => {
    await page.getByText('smoke', { exact: true }).click();
    assert.equal(await page.getByLabel('Data set', { exact: true }).inputValue(), 'digits');
    await page.getByLabel('Steps', { exact: true }).fill('1000000');
    await page.getByRole('button', { name: 'Start training' }).click();
    const first = await until(() => chartStep(page), (step) => step > 0);
    const picture = await pixels(page);
    await until(() => chartStep(page), (step) => step > first);
    assert.notEqual(await pixels(page), picture, 'the canvas itself is drawn anew');
    assert.equal(await badge(page).innerText(), 'running');
    assert.match(await page.locator('.progress-facts').innerText(), /step [\d,]+ of 1,000,000/);

    await page.getByLabel('log scale').check();
    assert.notEqual(await pixels(page), picture);
    await page.getByText("The worker's log").click();
    await until(() => page.locator('.log pre').innerText(), (text) => text.length > 3);

    await page.getByRole('button', { name: 'Stop and keep' }).click();
    await until(() => badge(page).innerText(), (state) => state === 'stopped');
    await page.getByRole('heading', { name: 'Report' }).waitFor();
    await page.getByText('smoke, version 1').first().waitFor();
  }));

test('a job is paused and resumed by one button', { timeout: 120000 }, () =>
  open({}, async (page) => {
    const { id } = await post(daemon, '/v1/jobs', endless('to-pause'));
    await page.getByRole('link', { name: /to-pause/ }).click();
    await until(() => chartStep(page), (step) => step > 0);
    await page.getByRole('button', { name: 'Pause' }).click();
    await until(() => badge(page).innerText(), (state) => state === 'paused');
    assert.equal(await page.getByRole('button', { name: 'Pause' }).count(), 0);
    const { step } = await get(daemon, `/v1/jobs/${id}`);
    // The answer to the command comes after the job runs again: what it says is old by then.
    let answered = false;
    await page.route('**/*:resume', async (route) => {
      const reply = await route.fetch();
      await until(() => badge(page).innerText(), (state) => state === 'running');
      await route.fulfill({ response: reply });
      answered = true;
    });
    await page.getByRole('button', { name: 'Resume' }).click();
    await until(() => chartStep(page), (later) => later > step);
    await until(() => answered, (is) => is);
    await page.getByRole('button', { name: 'Pause' }).waitFor();
    assert.equal(await badge(page).innerText(), 'running');
    await post(daemon, `/v1/jobs/${id}:cancel`);
    await untilEnded(daemon, id);
  }));

test('cancel asks first, then discards', { timeout: 120000 }, () =>
  open({}, async (page) => {
    const { id } = await post(daemon, '/v1/jobs', endless('to-cancel'));
    await page.getByRole('link', { name: /to-cancel/ }).click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Keep training' }).click();
    assert.match((await get(daemon, `/v1/jobs/${id}`)).state, /queued|starting|running/);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Discard' }).click();
    await until(() => badge(page).innerText(), (state) => state === 'cancelled');
    assert.equal((await untilEnded(daemon, id)).model ?? null, null);
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('link', { name: /to-cancel/ }).waitFor({ state: 'detached' });
  }));

test('a finished job shows its report: accuracy, confusion matrix, digest', { timeout: 120000 }, async () => {
  const job = await train(daemon, 'smoke');
  assert.equal(job.state, 'succeeded');
  await open({ address: `/#/jobs/${job.id}` }, async (page) => {
    await page.getByRole('heading', { name: 'Report' }).waitFor();
    const report = page.locator('.report');
    assert.match(await report.innerText(), /Test accuracy\s+\d+\.\d\d %/);
    assert.match(await report.innerText(), new RegExp(job.weights_sha256.slice(0, 16)));
    await report.locator('tbody tr').nth(9).waitFor();
    const counts = (await get(daemon, `/v1/jobs/${job.id}/confusion`)).counts;
    assert.deepEqual(await report.locator('tbody tr').nth(7).locator('td:not(.recall)').allInnerTexts(), counts[7].map(String));
    assert.equal(await until(() => chartStep(page), (step) => step > 0), job.step);
  });
});

test('a job of series is told as one, and the board waits for a model of pictures', { timeout: 120000 }, async () => {
  const own = await startDaemon();
  try {
    const { id } = await post(own, '/v1/jobs', {
      name: 'waves', dataset: 'series', data: { count: 600 }, model: { hidden: 8, layers: 2, bidirectional: true, dropout: 0.1, readout: 'max' },
      train: { steps: 5, batch: 32, validation: 60 } });
    await untilEnded(own, id);
    await withPage(browser, own, { address: `/#/jobs/${id}`, expected: [/status of 404/] }, async (page) => {
      await page.getByRole('heading', { name: 'Report' }).waitFor();
      assert.match(await page.locator('.description').innerText(), /^lstm 2 × 8 · both directions · max output · dropout 0\.1 · series/);
      assert.match(await page.locator('.report').innerText(), /Test series\s+100/);
      await page.getByText('Series / s').waitFor();
      await page.getByText('Confusion matrix of the test series').waitFor();
      await page.getByText('The models here read series').waitFor();
    });
  } finally {
    await own.close();
  }
});

test('a report shows another set by class, and what ended the run', { timeout: 120000 }, async () => {
  const { id } = await post(daemon, '/v1/jobs', {
    name: 'elsewhere', dataset: 'digits', data: { count: 600 }, model: { hidden: 8, readout: 'mean' },
    train: { epochs: 50, batch: 64, validation: 100, evaluate_on: 'digits', augment: {}, early_stopping: { patience: 1, min_delta: 0.5 } } });
  const job = await untilEnded(daemon, id);
  assert.equal(job.report?.ended_by, 'early_stopping', JSON.stringify(job.error));
  await open({ address: `/#/jobs/${id}` }, async (page) => {
    await page.locator('.transfer-classes li').nth(9).waitFor();
    const report = await page.locator('.report').innerText();
    assert.match(report, /Accuracy on digits\s+[\d.]+ %/);
    assert.match(report, /Ended by\s+early stopping/);
    assert.match(await page.locator('.description').innerText(), /· augmented ·/);
  });
});

test('a job that asks for it shows how its gradient and its gates stand', { timeout: 120000 }, async () => {
  const { id } = await post(daemon, '/v1/jobs', {
    name: 'inside', dataset: 'digits', data: { count: 1000 }, model: { hidden: 16, bidirectional: true, readout: 'final' },
    train: { steps: 30, batch: 32, validation: 100 }, run: { insight_every: 10 } });
  await untilEnded(daemon, id);
  await withPage(browser, daemon, { address: `/#/jobs/${id}` }, async (page) => {
    const inside = page.locator('.inside');
    await inside.waitFor();
    assert.match(await inside.locator('.heading').textContent(), /step 30/);
    assert.equal(await inside.locator('polyline').count(), 2);
    assert.equal(await inside.locator('.gates').count(), 2);
    assert.match(await inside.locator('.gates').first().textContent(), /forget gate\s*0\.\d\d/);
    assert.match(await inside.locator('.flow').getAttribute('aria-label'), /layer 1 backward keeps/);
  });
});

test('a 7 drawn on the board is called 7, and a blank board nothing', { timeout: 300000 }, async (t) => {
  const job = await train(daemon, 'first');
  t.diagnostic(`test accuracy ${job.report?.test?.accuracy}`);
  await open({ address: '/#/new', expected: [/status of 422/] }, async (page) => {
    const said = page.locator('.said .digit');
    const clear = page.getByRole('button', { name: 'Clear' });
    const source = page.locator('.source');
    const named = {};
    for (const digit of Object.keys(DIGITS)) {
      await drawOn(page, DIGITS[digit]);
      await page.locator('.answer[aria-busy=false]').waitFor();
      named[digit] = await said.innerText();
      if (digit === '7') {
        assert.match(await source.innerText(), /first, version 1 · [\d.]+ ms/);
        assert.match(await page.locator('.said').textContent(), /^7 [\d.]+ %$/);
        const bars = (await page.locator('.chance').allInnerTexts()).map(parseFloat);
        assert.equal(bars.length, 10);
        assert.ok(Math.abs(bars.reduce((sum, bar) => sum + bar, 0) - 100) < 1, `${bars}`);
        const seen = await page.locator('.seen canvas').evaluate((canvas) => {
          const { data } = canvas.getContext('2d').getImageData(0, 0, 28, 28);
          return data.filter((value, at) => at % 4 === 0 && value > 128).length;
        });
        assert.ok(seen > 20 && seen < 300, `${seen} bright pixels of 784`);
      }
      await clear.click();
      assert.equal(await said.innerText(), '?');
    }
    const wrong = Object.entries(named).filter(([digit, name]) => digit !== name);
    t.diagnostic(`drawn and named: ${JSON.stringify(named)}`);
    assert.equal(named[7], '7');
    assert.ok(wrong.length <= 2, `too many are misread: ${JSON.stringify(named)}`);
  });
});

test('what happens between the list of jobs and the stream is not missed', { timeout: 120000 }, () =>
  open({ address: '/#/new' }, async (page) => {
    let job;
    // The stream comes late: the job starts and ends after the list was asked for.
    await page.route('**/v1/events*', async (route) => {
      job ??= await train(daemon, 'smoke', { name: 'between', train: { steps: 2, batch: 32 } });
      await route.continue();
    });
    await page.reload();
    await page.getByText('between').first().waitFor();
  }));

test('in one column the board comes right after the job', { timeout: 120000 }, async () => {
  const { id } = await train(daemon, 'smoke', { name: 'narrow', train: { steps: 2, batch: 32 } });
  await open({ address: `/#/jobs/${id}` }, async (page) => {
    const top = async (selector) => (await page.locator(selector).first().boundingBox()).y;
    await page.locator('.results .card').first().waitFor();
    await page.setViewportSize({ width: 360, height: 740 });
    assert.ok((await top('.job')) < (await top('#board')));
    assert.ok((await top('#board')) < (await top('.results')));
    await page.setViewportSize({ width: 1280, height: 800 });
    assert.ok((await top('#board')) <= (await top('.job')));
  });
});
