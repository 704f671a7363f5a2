// Draws openapi.json. Text reaches the page by textContent only, so nothing in it is ever markup.
"use strict";

const methods = ["get", "post", "put", "patch", "delete"];

function element(name, options, ...children) {
  const made = document.createElement(name);
  Object.assign(made, options);
  made.append(...children.filter((child) => child !== null));
  return made;
}

function resolve(api, node) {
  for (let hops = 0; node && node.$ref && hops < 8; hops++) {
    node = node.$ref.slice(2).split("/").reduce((at, part) => at && at[part.replace(/~1/g, "/").replace(/~0/g, "~")], api);
  }
  return node || {};
}

function schemaName(node) {
  return node && node.$ref ? node.$ref.split("/").pop() : "";
}

// "This or null" as what it is when it is not null.
function present(api, given) {
  const either = resolve(api, given).anyOf || [given];
  return either.find((one) => one.type !== "null") || given;
}

function typeText(api, maybe) {
  const given = present(api, maybe);
  const schema = resolve(api, given);
  if (schema.type === "array") return typeText(api, schema.items) + "[]";
  const type = [].concat(schema.type || (schema.oneOf ? "one of" : "object")).join(" or ");
  return [schemaName(given) || type, schema.format].filter(Boolean).join(", ");
}

function rules(schema) {
  const known = { pattern: "pattern", minLength: "at least", maxLength: "at most", minimum: "from", maximum: "to", maxItems: "items at most", maxProperties: "members at most" };
  const said = Object.keys(known).filter((key) => schema[key] !== undefined).map((key) => known[key] + " " + schema[key]);
  if (schema.enum) said.push(schema.enum.join(", "));
  return [(schema.description || "").replace(/\.$/, ""), said.join("; ")].filter(Boolean).join(". ");
}

function row(api, name, given, required) {
  const schema = resolve(api, given);
  const mark = required ? element("span", { className: "required", title: "required" }, " *") : null;
  return element("tr", {}, element("td", {}, name, mark), element("td", {}, typeText(api, given)), element("td", { className: "soft" }, rules(schema)));
}

function table(heads, rows) {
  const head = element("tr", {}, ...heads.map((text) => element("th", {}, text)));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
}

// The fields of a message, then those of each message in it, once.
function fields(api, maybe, drawn = new Set()) {
  const given = present(api, maybe);
  const schema = resolve(api, given);
  if (schema.type === "array") return fields(api, schema.items, drawn);
  const members = Object.entries(schema.properties || {});
  if (members.length === 0 || drawn.has(schema)) return [];
  const title = drawn.size > 0 && schemaName(given);
  drawn.add(schema);
  const required = schema.required || [];
  const rows = members.map(([name, node]) => row(api, name, node, required.includes(name)));
  return [
    title ? element("h5", {}, title) : null, table(["Field", "Type", "Rules"], rows),
    ...members.flatMap(([, node]) => fields(api, node, drawn)),
  ].filter(Boolean);
}

function example(content) {
  const given = content.example || (content.examples && Object.values(content.examples)[0] && Object.values(content.examples)[0].value);
  if (given === undefined) return null;
  return element("pre", {}, typeof given === "string" ? given : JSON.stringify(given, null, 2));
}

function bodies(api, title, content, withFields) {
  return Object.entries(content || {}).flatMap(([type, body]) => [
    element("h4", {}, title + " ", element("code", {}, type)), example(body), ...(withFields ? fields(api, body.schema) : []),
  ]);
}

function answers(api, operation) {
  const rows = Object.entries(operation.responses || {}).map(([status, given]) => {
    const response = resolve(api, given);
    return element("tr", {}, element("td", {}, status), element("td", {}, response.description || ""));
  });
  return table(["Status", "Meaning"], rows);
}

function article(api, verb, path, operation) {
  const parameters = (operation.parameters || []).map((given) => resolve(api, given));
  const request = resolve(api, operation.requestBody);
  const success = Object.entries(operation.responses || {}).filter(([status]) => status.startsWith("2"));
  return element("article", { id: verb + path },
    element("h3", {}, element("span", { className: "verb " + verb }, verb.toUpperCase()), path),
    ...[operation.summary, operation.description].filter(Boolean).map((text) => element("p", {}, text)),
    ...(parameters.length ? [element("h4", {}, "Parameters"),
      table(["Name", "Type", "Rules"], parameters.map((item) => row(api, item.name + " (" + item.in + ")", { ...item.schema, description: item.description }, item.required)))] : []),
    ...bodies(api, "Request", request.content, true),
    ...success.flatMap(([status, given]) => bodies(api, "Answer " + status, resolve(api, given).content, true)),
    element("h4", {}, "Statuses"), answers(api, operation));
}

function draw(api) {
  const reference = document.getElementById("reference");
  const contents = document.getElementById("contents");
  const groups = new Map();
  reference.replaceChildren(element("h2", {}, api.info.title + " " + api.info.version), element("p", {}, api.info.description || ""));
  for (const [path, item] of Object.entries(api.paths)) {
    for (const verb of methods.filter((name) => item[name])) {
      const operation = item[verb];
      const group = (operation.tags && operation.tags[0]) || "api";
      if (!groups.has(group)) groups.set(group, []);
      groups.get(group).push({ verb, path, operation });
    }
  }
  for (const [group, entries] of groups) {
    contents.append(element("h2", {}, group));
    reference.append(element("h2", {}, group));
    for (const { verb, path, operation } of entries) {
      const text = (verb + " " + path + " " + (operation.summary || "")).toLowerCase();
      const link = element("a", { href: "#" + verb + path, title: operation.summary || "" },
        element("span", { className: "verb " + verb }, verb.toUpperCase()), path);
      const shown = article(api, verb, path, operation);
      link.dataset.text = shown.dataset.text = text;
      contents.append(link);
      reference.append(shown);
    }
  }
}

document.getElementById("filter").addEventListener("input", (event) => {
  const wanted = event.target.value.toLowerCase();
  for (const node of document.querySelectorAll("[data-text]")) node.hidden = !node.dataset.text.includes(wanted);
});

fetch("/openapi.json")
  .then((answer) => answer.json())
  .then(draw)
  .catch((error) => document.getElementById("reference").replaceChildren(element("p", {}, "openapi.json cannot be read: " + error)));
