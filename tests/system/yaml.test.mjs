// The reader of YAML behind config/openapi.yaml: what it takes, and that it refuses what it would misread.
import assert from "node:assert/strict";
import test from "node:test";
import { parse } from "../../web/yaml.mjs";

test("maps, lists, flow, scalars, folded text, comments", () => {
  const text = `# a comment
a: 1
b: -2.5e3
c: true
d: null
e:
f: plain text: with a colon
g: "double \\"quoted\\" \\u00e4 # no comment"   # a comment
h: 'single ''quoted'''
"i j": {k: [1, "2", {l: x y}], m: {}, n: [], "o:p": q}   # a comment
list:
  - plain
  - "quoted: text"
  - {a: b}
  - key: value
    other:
      - deep
  -
    nested: yes
same_indent:
- one
- two
fold: >-
  several lines
  of text
last: http://example.org/a#b
`;
  assert.deepEqual(parse(text), {
    a: 1, b: -2500, c: true, d: null, e: null, f: "plain text: with a colon", g: 'double "quoted" ä # no comment', h: "single 'quoted'",
    "i j": { k: [1, "2", { l: "x y" }], m: {}, n: [], "o:p": "q" },
    list: ["plain", "quoted: text", { a: "b" }, { key: "value", other: ["deep"] }, { nested: "yes" }],
    same_indent: ["one", "two"], fold: "several lines of text", last: "http://example.org/a#b",
  });
});

test("what means more, or is a mistake, is refused with its line", () => {
  for (const text of ["a: &x 1", "a: *x", "a: !!str 1", "a: |\n  b", "a: 1\na: 2", "a: {b: 1, b: 2}", "a: [1, 2", "a: {b: 1", 'a: "b', "a:\n\t- b",
    "a: 1\r", "a: 1\n   b: 2", "just text", "a: {b}", 'a: "b" c', "a: @b", "a: `b`", "a: %b"])
    assert.throws(() => parse(text), /line \d+/, JSON.stringify(text));
});
