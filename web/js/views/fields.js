// One field of the form, drawn from its JSON Schema.

import { html } from "../html.js";
import { hintOf, isSwitch, labelOf, toText } from "../schema.js";

/** @typedef {import("../schema.js").Schema} Schema */
/** @typedef {import("../schema.js").Field} Field */

/**
 * @typedef {object} ControlProps
 * @property {string} id
 * @property {Schema} schema
 * @property {string} value
 * @property {string} described ids of what describes it
 * @property {boolean} bad
 * @property {string} [list] id of a list of suggestions
 * @property {(text: string) => void} onChange
 */

/** What there is to choose from; null where a value is typed. @param {Schema} schema */
function choicesOf(schema) {
  if (isSwitch(schema)) return ["off", "on"];
  return schema.enum ?? ([schema.type].flat().includes("boolean") ? ["false", "true"] : null);
}

/** @param {ControlProps} props */
function Control({ id, schema, value, described, bad, list, onChange }) {
  const common = {
    id,
    value,
    "aria-describedby": described,
    "aria-invalid": bad ? "true" : undefined,
    onInput: (/** @type {any} */ event) => onChange(event.currentTarget.value),
  };
  const standard = toText(schema.default);
  const choices = choicesOf(schema);
  if (choices) {
    return html`
      <select ...${common} value=${value || standard || choices[0]}>
        ${choices.map((/** @type {string} */ name) => html`<option value=${name}>${name}</option>`)}
      </select>
    `;
  }
  const numeric = /number|integer/.test(String(schema.type));
  return html`
    <input ...${common} type="text" inputmode=${numeric ? "decimal" : "text"} list=${list}
           placeholder=${standard || (numeric ? "none" : "")} autocomplete="off"
           spellcheck=${false} />
  `;
}

/**
 * @typedef {object} FieldProps
 * @property {Field} field
 * @property {string} [label]
 * @property {string} value
 * @property {string} [error]
 * @property {string} [list]
 * @property {boolean} [quiet] the help is read aloud and not shown
 * @property {(text: string) => void} onChange
 */

/** @param {FieldProps} props */
export function FieldView({ field, label, value, error, list, quiet, onChange }) {
  const id = `field${field.pointer.replaceAll("/", "-")}`;
  const hint = hintOf(field.schema);
  return html`
    <div class="field ${error ? "wrong" : ""}">
      <label for=${id}>${label ?? labelOf(field.pointer)}</label>
      <${Control} id=${id} schema=${field.schema} value=${value} bad=${!!error} list=${list}
                  described="${id}-error ${id}-hint" onChange=${onChange} />
      <p class="field-error" id="${id}-error">${error ?? ""}</p>
      <p class=${quiet ? "unseen" : "field-hint"} id="${id}-hint">${hint}</p>
    </div>
  `;
}
