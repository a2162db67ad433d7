import type { OpenApiDocument, Operation, Parameter } from "./openapi.ts";

type Json = Readonly<Record<string, unknown>>;

/** The OpenAPI document as one page that needs nothing else: no scripts, no foreign styles. */
export function docsPage(document: OpenApiDocument): string {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const sections = document.tags.map(({ name }) => ({
    name,
    operations: operations.filter(({ operation }) => operation.tags.includes(name)),
  }));
  const menu = sections.map(
    (section) =>
      `<li><a href="#tag-${section.name}">${section.name}</a><ul>${section.operations
        .map(({ operation }) => `<li><a href="#${operation.operationId}">${operation.operationId}</a></li>`)
        .join("")}</ul></li>`,
  );
  const schemas = Object.entries(document.components.schemas);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Holdfast REST API</title>
<style>${STYLE}</style>
</head>
<body>
<nav><a href="#top"><strong>Holdfast API</strong></a><ul>${menu.join("")}<li><a href="#schemas">schemas</a><ul>${schemas
    .map(([id]) => `<li><a href="#schema-${id}">${id}</a></li>`)
    .join("")}</ul></li></ul></nav>
<main id="top">
<h1>Holdfast REST API</h1>
<p>${escapeHtml(textOf(document.info.description))}</p>
<p>Requests and replies are JSON. Errors are problem documents (RFC 9457) with a stable <code>code</code>. With a token configured, send
<code>Authorization: Bearer TOKEN</code>. The machine-readable form of this page: <a href="/v1/openapi.json">/v1/openapi.json</a>.</p>
${sections.map((section) => `<h2 id="tag-${section.name}">${section.name}</h2>${section.operations.map(operationHtml).join("")}`).join("")}
<h2 id="schemas">Schemas</h2>
${schemas.map(([id, schema]) => `<h3 id="schema-${id}">${id}</h3>${schemaHtml(schema)}`).join("")}
</main>
</body>
</html>
`;
}

function operationHtml({ path, method, operation }: { path: string; method: string; operation: Operation }): string {
  const body = operation.requestBody === undefined ? "" : `<h4>Body</h4>${contentHtml(operation.requestBody)}`;
  const responses = Object.entries(operation.responses).map(
    ([status, response]) =>
      `<tr><td>${status}</td><td>${codeText(textOf(response.description))}</td><td>${
        status.startsWith("2") ? contentHtml(response) : ""
      }</td></tr>`,
  );
  return `<section id="${operation.operationId}">
<h3><code class="method ${method.toLowerCase()}">${method}</code> <code>${escapeHtml(path)}</code></h3>
<p>${escapeHtml(operation.summary)}</p>
${operation.parameters.length === 0 ? "" : `<h4>Parameters</h4><table>${operation.parameters.map(parameterHtml).join("")}</table>`}
${body}
<h4>Responses</h4><table>${responses.join("")}</table>
</section>`;
}

function parameterHtml({ name, in: place, required, description, schema }: Parameter): string {
  const need = required ? "required" : "optional";
  return `<tr><td><code>${escapeHtml(name)}</code></td><td>${place}, ${need}</td><td>${typeHtml(schema)}</td><td>${escapeHtml(description ?? "")}</td></tr>`;
}

function contentHtml(holder: Json): string {
  const content = (holder.content ?? {}) as Record<string, { schema?: Json }>;
  const [first] = Object.values(content);
  return first?.schema === undefined ? "" : schemaHtml(first.schema);
}

/** An object as a table of its fields, anything else as its type. */
function schemaHtml(schema: Json): string {
  const {
    properties,
    required = [],
    oneOf,
  } = schema as { properties?: Record<string, Json>; required?: string[]; oneOf?: Json[] };
  if (oneOf !== undefined) return `<p>one of</p>${oneOf.map(schemaHtml).join("")}`;
  if (properties === undefined) return `<p>${typeHtml(schema)}</p>`;
  const rows = Object.entries(properties).map(
    ([name, field]) =>
      `<tr><td><code>${escapeHtml(name)}</code></td><td>${required.includes(name) ? "required" : "optional"}</td><td>${typeHtml(field)}</td><td>${escapeHtml(textOf(field.description))}</td></tr>`,
  );
  return `<table>${rows.join("")}</table>`;
}

function typeHtml(schema: Json): string {
  const {
    $ref,
    type,
    items,
    anyOf,
    oneOf,
    const: constant,
    default: fallback,
  } = schema as {
    $ref?: string;
    type?: string | readonly string[];
    items?: Json;
    anyOf?: Json[];
    oneOf?: Json[];
    enum?: unknown[];
    const?: unknown;
    default?: unknown;
  };
  const suffix = fallback === undefined ? "" : ` <small>default ${escapeHtml(JSON.stringify(fallback))}</small>`;
  if ($ref !== undefined) {
    const id = escapeHtml($ref.slice($ref.lastIndexOf("/") + 1));
    return `<a href="#schema-${id}">${id}</a>${suffix}`;
  }
  if (constant !== undefined) return `<code>${escapeHtml(JSON.stringify(constant))}</code>`;
  const choices = (schema as { enum?: unknown[] }).enum;
  if (choices !== undefined)
    return choices.map((one) => `<code>${escapeHtml(JSON.stringify(one))}</code>`).join(" ") + suffix;
  if (anyOf !== undefined || oneOf !== undefined) return (anyOf ?? oneOf ?? []).map(typeHtml).join(" or ") + suffix;
  if (items !== undefined) return `list of ${typeHtml(items)}${suffix}`;
  return `${escapeHtml([type ?? "any"].flat().join(" or "))}${suffix}${exampleHtml(schema)}`;
}

function exampleHtml(schema: Json): string {
  const [example] = (schema.examples ?? []) as unknown[];
  return example === undefined ? "" : ` <small>e.g. <code>${escapeHtml(JSON.stringify(example))}</code></small>`;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Text with its `marked` parts as code. */
function codeText(text: string): string {
  return escapeHtml(text).replace(/`([^`]*)`/g, "<code>$1</code>");
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

const STYLE = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 0; display: grid; grid-template-columns: 15rem minmax(0, 60rem); gap: 2rem; }
nav { position: sticky; top: 0; height: 100vh; overflow: auto; padding: 1rem; border-right: 1px solid #8884; font-size: 13px; }
nav ul { list-style: none; padding-left: .75rem; margin: 0; }
main { padding: 1rem 1rem 4rem 0; }
section { border-top: 1px solid #8884; padding: .5rem 0 1rem; }
h2 { margin-top: 3rem; text-transform: capitalize; } h4 { margin: .75rem 0 .25rem; }
table { border-collapse: collapse; width: 100%; } td { padding: .2rem .75rem .2rem 0; vertical-align: top; border-bottom: 1px solid #8882; }
code { font: 13px ui-monospace, monospace; } small { opacity: .75; }
.method { padding: .1rem .4rem; border-radius: .25rem; background: #8883; }
.post { background: #2a72; } .delete { background: #c332; } .patch, .put { background: #b802; }
@media (max-width: 50rem) { body { display: block; padding: 0 1rem; } nav { display: none; } }
`;
