// Turns the part of YAML that config/openapi.yaml is written in into JSON, at build time:
//   node web/yaml.mjs IN.yaml OUT.json
// Block maps and lists, flow collections on one line, plain, quoted and folded (">-") scalars, comments. Whatever else
// YAML can do (anchors, tags, tabs, documents, multi-line plain scalars) is refused with its line number.
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

/** @param {string} word */
function scalar(word) {
  if (word === "" || word === "null" || word === "~") return null;
  if (word === "true" || word === "false") return word === "true";
  if (/^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$/.test(word)) return Number(word);
  if (/^[&*!|>%@`]/.test(word)) throw new Error(`"${word}" starts with a character that means more`);
  return word;
}

/** Reads flow syntax and one-line scalars from a text, character by character. */
class Flow {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
    this.at = 0;
  }
  blanks() {
    while (this.text[this.at] === " ") this.at++;
  }
  /** @param {string} mark */
  take(mark) {
    this.blanks();
    if (this.text[this.at] !== mark) return false;
    this.at++;
    return true;
  }
  quoted() {
    const quote = this.text[this.at];
    const pattern = quote === '"' ? /"(?:[^"\\]|\\.)*"/y : /'(?:[^']|'')*'/y;
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (!found) throw new Error("a quote is not closed");
    this.at = pattern.lastIndex;
    return quote === '"' ? JSON.parse(found[0]) : found[0].slice(1, -1).replaceAll("''", "'");
  }
  /** @param {RegExp} stop a plain scalar ends where this matches */
  plain(stop) {
    const start = this.at;
    while (this.at < this.text.length && !stop.test(this.text.slice(this.at))) this.at++;
    return this.text.slice(start, this.at).trim();
  }
  /** @param {boolean} inside whether commas and brackets end a scalar */
  value(inside) {
    this.blanks();
    const mark = this.text[this.at];
    if (mark === '"' || mark === "'") return this.quoted();
    if (mark === "{") return this.map();
    if (mark === "[") return this.list();
    return scalar(this.plain(inside ? /^([,\]}]| #)/ : /^ #/));
  }
  key() {
    this.blanks();
    const mark = this.text[this.at];
    return mark === '"' || mark === "'" ? this.quoted() : this.plain(/^:( |$)/);
  }
  map() {
    /** @type {Record<string, unknown>} */
    const result = {};
    this.at++;
    while (!this.take("}")) {
      const key = this.key();
      if (!this.take(":")) throw new Error(`"${key}" has no value`);
      if (Object.hasOwn(result, key)) throw new Error(`"${key}" is there twice`);
      result[key] = this.value(true);
      if (!this.take(",") && this.text[this.at] !== "}") throw new Error("a map is not closed");
    }
    return result;
  }
  list() {
    const result = [];
    this.at++;
    while (!this.take("]")) {
      result.push(this.value(true));
      if (!this.take(",") && this.text[this.at] !== "]") throw new Error("a list is not closed");
    }
    return result;
  }
  /** Nothing but a comment may be left. */
  end() {
    if (!/^ *(#.*)?$/.test(this.text.slice(this.at)))
      throw new Error(`"${this.text.slice(this.at)}" is left over`);
  }
}

/** @param {string} text */
function inline(text) {
  const flow = new Flow(text);
  const result = flow.value(false);
  flow.end();
  return result;
}

/** @typedef {{ indent: number, text: string, number: number }} Line */

class Block {
  /** @param {Line[]} lines */
  constructor(lines) {
    this.lines = lines;
    this.at = 0;
  }
  get line() {
    return this.lines[this.at];
  }
  /** @param {number} indent the least that belongs to this node */
  node(indent) {
    if (!this.line || this.line.indent < indent) return null;
    return /^-( |$)/.test(this.line.text) ? this.list(this.line.indent) : this.map(this.line.indent);
  }
  /** @param {number} indent */
  list(indent) {
    const result = [];
    while (this.line?.indent === indent && /^-( |$)/.test(this.line.text)) {
      const rest = this.line.text.slice(1).trimStart();
      const column = indent + this.line.text.length - rest.length;
      if (rest === "") {
        this.at++;
        result.push(this.node(indent + 1));
      } else if (/^[^"'{[#]*?:( |$)/.test(rest)) {
        // "- key: value": the rest of the line is the first line of a map.
        this.lines[this.at] = { ...this.line, indent: column, text: rest };
        result.push(this.map(column));
      } else {
        this.at++;
        result.push(inline(rest));
      }
    }
    return result;
  }
  /** @param {number} indent */
  map(indent) {
    /** @type {Record<string, unknown>} */
    const result = {};
    while (this.line?.indent === indent) {
      const flow = new Flow(this.line.text);
      const key = flow.key();
      if (!flow.take(":")) throw new Error("a key without a colon");
      if (Object.hasOwn(result, key)) throw new Error(`"${key}" is there twice`);
      const rest = flow.text.slice(flow.at).trim();
      this.at++;
      if (rest === "" || rest.startsWith("#")) result[key] = this.child(indent);
      else if (rest === ">-") result[key] = this.folded(indent + 1);
      else result[key] = inline(rest);
    }
    return result;
  }
  /** What stands below a key: further in, or a list at the key's own column. @param {number} indent */
  child(indent) {
    const list = this.line?.indent === indent && /^-( |$)/.test(this.line.text);
    return list ? this.list(indent) : this.node(indent + 1);
  }
  /** @param {number} indent */
  folded(indent) {
    const words = [];
    while (this.line?.indent >= indent) words.push(this.lines[this.at++].text);
    return words.join(" ");
  }
}

/** @param {string} text @returns {unknown} */
export function parse(text) {
  const lines = text
    .split("\n")
    .map((line, index) => ({ indent: line.search(/\S/), text: line.trim(), number: index + 1 }))
    .filter((line) => line.text !== "" && !line.text.startsWith("#"));
  const tab = text.split("\n").findIndex((line) => /^\s*\t|\r/.test(line));
  if (tab >= 0) throw new Error(`line ${tab + 1}: tabs and carriage returns are not read`);
  const block = new Block(lines);
  try {
    const result = block.node(0);
    if (block.line) throw new Error("the indentation fits nothing above");
    return result;
  } catch (error) {
    const line = block.line ?? lines.at(-1);
    throw new Error(`line ${line?.number} or the one before: ${/** @type {Error} */ (error).message}`);
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href)
  writeFileSync(process.argv[3], JSON.stringify(parse(readFileSync(process.argv[2], "utf8"))));
