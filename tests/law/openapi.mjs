// Checks an OpenAPI 3.1 document without any tool from elsewhere: node tests/law/openapi.mjs config/openapi.yaml
// Every reference resolves and every component is used, every operation has a name of its own, a summary, a known tag, a
// 4XX answer as a problem, and the parameters that its path names; and nothing of OpenAPI 3.0 is left.
import { readFileSync } from "node:fs";
import { parse } from "../../web/yaml.mjs";

const file = process.argv[2];
const document = parse(readFileSync(file, "utf8"));
const wrong = [];
const used = new Set();

function follow(item, where) {
  if (!item?.$ref) return item;
  used.add(item.$ref);
  let found = document;
  for (const piece of item.$ref.replace(/^#\//, "").split("/")) found = found?.[piece.replaceAll("~1", "/").replaceAll("~0", "~")];
  if (found === undefined) wrong.push(`${where}: ${item.$ref} leads nowhere`);
  return found;
}

/** Walks everything, so that references inside schemas are followed too. */
function walk(item, where) {
  if (item === null || typeof item !== "object") return;
  if (typeof item.$ref === "string") follow(item, where);
  if ("nullable" in item) wrong.push(`${where}: nullable is of OpenAPI 3.0`);
  for (const [key, value] of Object.entries(item)) walk(value, `${where}/${key}`);
}
walk(document, "");

if (!/^3\.1\.\d+$/.test(document.openapi)) wrong.push(`openapi is ${document.openapi}, not 3.1`);
const tags = new Set(document.tags.map((tag) => tag.name));
const names = new Set();
for (const [path, item] of Object.entries(document.paths))
  for (const [method, operation] of Object.entries(item)) {
    if (method === "parameters") continue;
    const where = `${method.toUpperCase()} ${path}`;
    if (!operation.operationId) wrong.push(`${where}: no operationId`);
    if (names.has(operation.operationId)) wrong.push(`${where}: ${operation.operationId} is taken`);
    names.add(operation.operationId);
    if (!operation.summary?.endsWith(".")) wrong.push(`${where}: the summary is no sentence`);
    for (const tag of operation.tags ?? [undefined]) if (!tags.has(tag)) wrong.push(`${where}: the tag ${tag} is unknown`);
    const failure = follow(operation.responses["4XX"], where);
    if (!failure?.content?.["application/problem+json"]) wrong.push(`${where}: no 4XX problem`);
    if (!Object.keys(operation.responses).some((status) => /^[23]/.test(status))) wrong.push(`${where}: no success`);
    const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map((parameter) => follow(parameter, where));
    const inPath = parameters.filter((parameter) => parameter?.in === "path").map((parameter) => parameter.name);
    const named = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    if (inPath.sort().join() !== named.sort().join()) wrong.push(`${where}: its path names [${named}], its parameters [${inPath}]`);
  }
for (const [kind, components] of Object.entries(document.components))
  for (const name of Object.keys(components)) if (!used.has(`#/components/${kind}/${name}`)) wrong.push(`components/${kind}/${name} is used nowhere`);

for (const line of wrong) console.error(`${file}: ${line}`);
console.log(`${names.size} operations, ${wrong.length} mistakes`);
process.exitCode = wrong.length > 0 ? 1 : 0;
