// The form that starts a job: a preset, the fields that matter most, and all others on request.

import { Component } from "/vendor/preact/dist/preact.mjs";
import { html } from "../html.js";
import { loadForm, startJob } from "../actions.js";
import { count } from "../format.js";
import { fieldsOf, fromText, inForce, isSwitch, setAt, toText, valueAt } from "../schema.js";
import { state, update } from "../state.js";
import { FieldView } from "./fields.js";
import { Button, Skeleton } from "./parts.js";

/** @typedef {import("../api.js").Spec} Spec */
/** @typedef {import("../api.js").Preset} Preset */
/** @typedef {import("../api.js").Problem} Problem */

const FIRST_FIELDS = new Map([
  ["/dataset", "Data set"],
  ["/model/hidden", "Hidden units"],
  ["/train/steps", "Steps"],
  ["/train/batch", "Batch"],
  ["/train/optimizer/learning_rate", "Learning rate"],
  ["/train/seed", "Seed"],
]);

/** @param {Spec} spec */
function summary(spec) {
  const model = spec.model ?? {};
  const train = spec.train ?? {};
  const length = train.epochs
    ? `${count(train.epochs)} epochs`
    : train.steps
      ? `${count(train.steps)} steps`
      : "";
  return [
    `${(model.cell ?? "lstm").toUpperCase()} ${model.hidden ?? ""}`.trim(),
    `on ${spec.dataset}`,
    length,
  ]
    .filter(Boolean)
    .join(", ");
}

const newKey = () =>
  [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");

/**
 * What a data set that is not there needs; nothing while the list of them is not known.
 * @param {string} name
 */
function missing(name) {
  if (!name || state.datasets.length === 0 || state.datasets.includes(name)) return "";
  const how = name === "mnist" ? "; script/fetch-mnist fetches it" : "";
  return `The data set ${name} is not here${how}.`;
}

/** @param {Spec} spec */
const missingFor = (spec) => missing(spec.dataset) || missing(spec.train?.evaluate_on);

/** @param {{ preset: Preset, checked: boolean, onChoose: () => void }} props */
function PresetCard({ preset, checked, onChoose }) {
  const problem = missingFor(preset.spec);
  return html`
    <label class="preset ${checked ? "chosen" : ""}">
      <input type="radio" name="preset" class="unseen" checked=${checked} onChange=${onChoose} />
      <span class="preset-name">${preset.name}</span>
      <span class="preset-text">${preset.description || summary(preset.spec)}</span>
      ${problem && html`<span class="preset-missing">${problem}</span>`}
    </label>
  `;
}

/** What the built-in digits look like: nobody has seen them before. */
const DigitsSheet = () => html`
  <details class="sheet">
    <summary>What the digits look like</summary>
    <img src="/img/digits-sheet.png" loading="lazy" decoding="async"
         alt="A contact sheet: each digit as a program writes it, in many hands" />
    <p class="hint">Drawn by a program, as many as a job asks for. Other seeds:${" "}
      <code>unroll datasets sheet digits --seed 7 --out sheet.png</code></p>
  </details>
`;

/**
 * @typedef {object} State
 * @property {Spec} base what the form started from
 * @property {string | null} chosen the preset's name
 * @property {Record<string, string>} edits texts by pointer
 * @property {Problem | null} problem
 * @property {boolean} busy
 * @property {boolean} all every field is shown
 */

/** @extends {Component<{}, State>} */
export class Start extends Component {
  constructor() {
    super();
    /** @type {State} */
    this.state = { base: {}, chosen: null, edits: {}, problem: null, busy: false, all: false };
    this.key = newKey();
  }

  /**
   * A preset or a job's specification, with every edit gone.
   * @param {Spec} base
   * @param {string | null} chosen
   */
  begin(base, chosen) {
    this.key = newKey();
    this.setState({ base, chosen, edits: {}, problem: null });
  }

  componentDidMount() {
    this.takeOver();
  }

  componentDidUpdate() {
    this.takeOver();
  }

  /** Starts from the job that was chosen as a template, else from the preset of beginners. */
  takeOver() {
    const presets = state.presets.value ?? [];
    const preset = presets.find((/** @type {Preset} */ one) => one.name === "first") ?? presets[0];
    if (state.template) {
      this.begin(state.template, null);
      update({ template: null });
    } else if (
      this.state.chosen === null &&
      preset &&
      Object.keys(this.state.base).length === 0
    ) {
      this.begin(preset.spec, preset.name);
    }
  }

  /** @param {string} pointer @param {string} text */
  edit(pointer, text) {
    this.key = newKey();
    const edits = { ...this.state.edits, [pointer]: text };
    // A run is counted in steps or in epochs; both are an error, so that writing the one clears
    // the other.
    if (text.trim() && pointer === "/train/steps") edits["/train/epochs"] = "";
    if (text.trim() && pointer === "/train/epochs") edits["/train/steps"] = "";
    const problem = this.state.problem;
    if (problem) problem.errors = problem.errors.filter((error) => error.pointer !== pointer);
    this.setState({ edits });
  }

  /** @param {string} pointer */
  original(pointer) {
    return toText(valueAt(this.state.base, pointer));
  }

  /** @param {string} pointer */
  text(pointer) {
    return this.state.edits[pointer] ?? this.original(pointer);
  }

  spec() {
    const spec = structuredClone(this.state.base);
    const fields = fieldsOf(state.schema.value);
    for (const { pointer, schema } of inForce(fields, (at) => this.text(at))) {
      const text = this.state.edits[pointer];
      const untouched =
        text === undefined || (isSwitch(schema) && text === this.original(pointer));
      if (!untouched) setAt(spec, pointer, fromText(schema, text));
    }
    return spec;
  }

  /** @param {Event} event */
  async submit(event) {
    event.preventDefault();
    if (this.state.busy) return;
    this.setState({ busy: true, problem: null });
    try {
      await startJob(this.spec(), this.key);
    } catch (error) {
      const problem = /** @type {Problem} */ (error);
      const hidden = problem.errors?.some((item) => !FIRST_FIELDS.has(item.pointer));
      this.setState({ busy: false, problem, all: this.state.all || hidden }, () =>
        this.showFirstError(),
      );
    }
  }

  showFirstError() {
    const field = /** @type {HTMLElement | null} */ (
      document.querySelector("[aria-invalid=true]")
    );
    field?.focus();
  }

  /** @param {import("../schema.js").Field} field @param {boolean} first */
  field(field, first) {
    const { pointer } = field;
    const all = this.state.problem?.errors ?? [];
    const errors = all.filter((error) => error.pointer === pointer);
    return html`
      <${FieldView} key=${pointer} field=${field} label=${FIRST_FIELDS.get(pointer)} quiet=${first}
        value=${this.text(pointer)} list=${pointer === "/dataset" ? "datasets" : undefined}
        error=${errors.map((error) => error.detail).join("; ")}
        onChange=${(/** @type {string} */ text) => this.edit(pointer, text)} />
    `;
  }

  /**
   * The fields of one object of the specification under its name; a switch stands before the
   * members that it brings.
   * @param {import("../schema.js").Field[]} fields
   */
  groups(fields) {
    /** @type {Map<string, import("../schema.js").Field[]>} */
    const groups = new Map();
    for (const field of fields) {
      const names = field.pointer.split("/").slice(1, isSwitch(field.schema) ? undefined : -1);
      const name = names.join(" · ").replaceAll("_", " ") || "job";
      groups.set(name, [...(groups.get(name) ?? []), field]);
    }
    return [...groups].map(
      ([name, members]) => html`
        <fieldset key=${name}>
          <legend>${name}</legend>
          <div class="fields">${members.map((field) => this.field(field, false))}</div>
        </fieldset>
      `,
    );
  }

  /** What is wrong beyond the fields that can be shown. @param {Set<string>} shown */
  problem(shown) {
    const { problem } = this.state;
    if (!problem) return null;
    const others = problem.errors.filter((error) => !shown.has(error.pointer));
    return html`
      <div class="problem" role="alert">
        <p>${problem.message}</p>
        <ul>
          ${others.map(({ pointer, detail }) => html`<li><code>${pointer}</code> ${detail}</li>`)}
        </ul>
      </div>
    `;
  }

  presets() {
    const presets = state.presets.value ?? [];
    if (presets.length === 0) return null;
    return html`
      <fieldset class="presets">
        <legend>Preset</legend>
        ${presets.map(
          (preset) => html`
            <${PresetCard} key=${preset.name} preset=${preset}
              checked=${this.state.chosen === preset.name}
              onChoose=${() => this.begin(preset.spec, preset.name)} />
          `,
        )}
      </fieldset>
    `;
  }

  render() {
    const { busy, all } = this.state;
    const toggle = (/** @type {any} */ event) =>
      this.setState({ all: event.currentTarget.open });
    const problem = state.presets.problem ?? state.schema.problem;
    if (problem && !state.schema.value) {
      return html`
        <section class="card">
          <h2>Start a job</h2>
          <p class="hint bad">${problem.message}</p>
          <${Button} onClick=${() => loadForm()}>Try again<//>
        </section>
      `;
    }
    if (!state.schema.value) return html`<${Skeleton} name="the form" />`;
    const fields = fieldsOf(state.schema.value);
    const first = [...FIRST_FIELDS.keys()].flatMap((pointer) =>
      fields.filter((field) => field.pointer === pointer),
    );
    const others = inForce(fields, (at) => this.text(at)).filter(
      (field) => !FIRST_FIELDS.has(field.pointer),
    );
    return html`
      <section class="card" aria-labelledby="start-title">
        <h2 id="start-title">Start a job</h2>
        <form novalidate onSubmit=${(/** @type {Event} */ event) => this.submit(event)}>
          ${this.presets()}
          <div class="fields">${first.map((field) => this.field(field, true))}</div>
          <datalist id="datasets">
            ${state.datasets.map((name) => html`<option value=${name}></option>`)}
          </datalist>
          ${this.text("/dataset").trim() === "digits" && html`<${DigitsSheet} />`}
          <details open=${all} onToggle=${toggle}>
            <summary>All fields</summary>
            ${all && this.groups(others)}
          </details>
          ${this.problem(new Set(fields.map((field) => field.pointer)))}
          <div class="actions">
            <button type="submit" class="primary" disabled=${busy}>
              ${busy ? "Starting…" : "Start training"}
            </button>
          </div>
        </form>
      </section>
    `;
  }
}
