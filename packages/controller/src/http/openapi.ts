import { type ErrorCode, httpStatus } from "@holdfast/core";
import { operationSchema, problemSchema, type Route, routes } from "@holdfast/model";
import { z } from "zod";

type Json = Readonly<Record<string, unknown>>;

/** An OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.1). */
export interface OpenApiDocument {
  readonly openapi: "3.1.0";
  readonly info: Json;
  readonly servers: readonly Json[];
  readonly security: readonly Json[];
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Json>>; readonly securitySchemes: Json };
}

export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly parameters: readonly Parameter[];
  readonly requestBody?: Json;
  readonly responses: Readonly<Record<string, Json>>;
}

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly description?: string;
  readonly schema: Json;
}

/** Errors that every operation can give. */
const ALWAYS: readonly ErrorCode[] = [
  "invalid_argument",
  "unauthenticated",
  "too_many_requests",
  "unavailable",
  "internal",
];

/** The document of all routes. Schemas with an id become components; the text that a client sends is described, not what it is parsed to. */
export function openApiDocument(): OpenApiDocument {
  const all = Object.values(routes) as Route[];
  const schemas = new Schemas();
  const paths: Record<string, Record<string, Operation>> = {};
  for (const route of all) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route, schemas) };
  }
  schemas.of(problemSchema);
  return {
    openapi: "3.1.0",
    info: {
      title: "Holdfast",
      version: "v1",
      description: "Every container gets its own routable IP address, and keeps it for life, wherever it drifts.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{}, { bearer: [] }],
    tags: [...new Set(all.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: schemas.components(),
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
    },
  };
}

function operationOf(route: Route, schemas: Schemas): Operation {
  return {
    operationId: route.id,
    summary: route.summary,
    tags: [route.tag],
    parameters: [
      ...parametersOf(route.params, "path", schemas),
      ...parametersOf(route.query, "query", schemas),
      ...headersOf(route),
    ],
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: true, content: { "application/json": { schema: schemas.of(route.body) } } } }),
    responses: {
      [route.status]: successOf(route, schemas),
      ...(route.idempotent === true ? { 202: acceptedWith(schemas) } : {}),
      ...failuresOf(route),
    },
  };
}

function parametersOf(schema: z.ZodType | undefined, place: "path" | "query", schemas: Schemas): Parameter[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = schemas.of(schema) as {
    properties?: Record<string, Json & { description?: string }>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: place,
    required: place === "path" || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }));
}

function headersOf({ idempotent, conditional }: Route): Parameter[] {
  const header = (name: string, description: string): Parameter => ({
    name,
    in: "header",
    required: false,
    description,
    schema: { type: "string" },
  });
  return [
    ...(idempotent === true
      ? [
          header("Idempotency-Key", "The same key and body give the same answer for 24 hours."),
          header("Prefer", "`respond-async`: answer at once with 202 and an operation that does it."),
        ]
      : []),
    ...(conditional === true ? [header("If-Match", "Only when the object still has this revision.")] : []),
  ];
}

function successOf(route: Route, schemas: Schemas): Json {
  if (route.reply === undefined) return { description: "Done." };
  const schema = schemas.of(route.reply);
  if (route.stream !== true) return { description: "Done.", content: { "application/json": { schema } } };
  const events = route.id === "watch" ? { "text/event-stream": { schema } } : {};
  return {
    description: "One object per line, without end.",
    content: { "application/x-ndjson": { schema }, ...events },
  };
}

function acceptedWith(schemas: Schemas): Json {
  return {
    description: "Accepted to be done later, as asked for with `Prefer: respond-async`; `Location` is the operation.",
    content: { "application/json": { schema: schemas.of(operationSchema) } },
  };
}

/** One response per status, naming the codes that it carries. */
function failuresOf(route: Route): Readonly<Record<string, Json>> {
  const large: readonly ErrorCode[] = route.body === undefined ? [] : ["too_large"];
  const byStatus = Map.groupBy(new Set([...ALWAYS, ...large, ...route.errors]), (code) => httpStatus(code));
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: codes.map((code) => `\`${code}\``).join(", "),
        content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
      },
    ]),
  );
}

/** Collects schemas that have an id. */
class Schemas {
  readonly #components = new Map<string, Json>();

  of(schema: z.ZodType): Json {
    // Inside an object, a schema with an id becomes a definition of its own.
    const { properties, $defs = {} } = z.toJSONSchema(z.object({ it: schema }), {
      io: "input",
      unrepresentable: "any",
    });
    for (const [id, definition] of Object.entries($defs)) {
      const { id: _, ...rest } = definition as Record<string, unknown>;
      this.#components.set(id, withReferences(rest) as Json);
    }
    return withReferences(properties?.it ?? {}) as Json;
  }

  components(): Readonly<Record<string, Json>> {
    return Object.fromEntries([...this.#components].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

function withReferences(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withReferences);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === "$ref" && typeof inner === "string"
        ? inner.replace("#/$defs/", "#/components/schemas/")
        : withReferences(inner),
    ]),
  );
}
