// A job's JSON Schema as a list of fields, and what was typed into them as a specification. No
// DOM in here.
//
// A field is named by the JSON pointer of its place in the specification, which is also how the
// daemon names it when something is wrong with it.

/** @typedef {Record<string, any>} Schema */
/** @typedef {{ pointer: string, schema: Schema }} Field */

/**
 * An object that may be null is a switch before it is a group of fields: on is an object, off is
 * none.
 * @param {Schema} schema
 */
export const isSwitch = (schema) => !!schema.properties && [schema.type].flat().includes("null");

/**
 * Every field that has more than one possible value, in the schema's order; a group that may be
 * null comes first as a field of its own.
 * @param {Schema} schema
 * @param {string} [pointer]
 * @returns {Field[]}
 */
export function fieldsOf(schema, pointer = "") {
  if (schema.properties) {
    const members = Object.entries(schema.properties).flatMap(([name, part]) =>
      fieldsOf(part, `${pointer}/${name}`),
    );
    return isSwitch(schema) ? [{ pointer, schema }, ...members] : members;
  }
  return "const" in schema || pointer === "" ? [] : [{ pointer, schema }];
}

/**
 * The fields without the members of groups that are switched off.
 * @param {Field[]} fields
 * @param {(pointer: string) => string} textOf what stands in a field
 */
export function inForce(fields, textOf) {
  const off = fields
    .filter(({ pointer, schema }) => isSwitch(schema) && textOf(pointer) !== "on")
    .map(({ pointer }) => `${pointer}/`);
  return fields.filter(({ pointer }) => !off.some((group) => pointer.startsWith(group)));
}

/** @param {any} spec @param {string} pointer */
export const valueAt = (spec, pointer) =>
  pointer
    .slice(1)
    .split("/")
    .reduce((/** @type {any} */ part, name) => part?.[name], spec);

/**
 * @param {any} spec changed in place
 * @param {string} pointer
 * @param {any} value undefined takes the field out
 */
export function setAt(spec, pointer, value) {
  const names = pointer.slice(1).split("/");
  const last = /** @type {string} */ (names.pop());
  let part = spec;
  for (const name of names) {
    if (value === undefined && part[name] == null) return;
    part = part[name] ??= {};
  }
  if (value === undefined) delete part[last];
  else part[last] = value;
}

/** @param {any} value */
export const toText = (value) =>
  value == null
    ? ""
    : Array.isArray(value)
      ? value.join(", ")
      : typeof value === "object"
        ? "on"
        : String(value);

/**
 * What was typed, as the schema wants it. What cannot be read goes to the daemon as it is: it
 * knows best what to say about it.
 * @param {Schema} schema
 * @param {string} text
 */
export function fromText(schema, text) {
  const types = [schema.type].flat();
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  if (isSwitch(schema)) return trimmed === "on" ? {} : undefined;
  if (types.includes("array"))
    return trimmed
      .split(",")
      .map((item) => item.trim())
      .filter(Boolean);
  if (types.includes("boolean")) return trimmed === "true";
  if (types.includes("integer") || types.includes("number")) {
    const number = Number(trimmed);
    return Number.isFinite(number) ? number : trimmed;
  }
  return trimmed;
}

/** @param {string} pointer */
export const labelOf = (pointer) => {
  const name = (pointer.split("/").at(-1) ?? "").replaceAll("_", " ");
  return name.charAt(0).toUpperCase() + name.slice(1);
};

/** @param {Schema} schema */
export function hintOf(schema) {
  const low = schema.minimum ?? schema.exclusiveMinimum;
  const high = schema.maximum ?? schema.exclusiveMaximum;
  const unit = schema["x-unit"] ? ` ${schema["x-unit"]}` : "";
  const span = high >= 1e9 ? `${low} or more` : `${low} to ${high}`; // such a limit bounds nobody
  const range = low !== undefined && high !== undefined ? `${span}${unit}` : "";
  return [schema.description, range].filter(Boolean).join(" · ");
}
