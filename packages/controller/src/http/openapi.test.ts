import { type Route, routes } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { docsPage } from "./docs-page.ts";
import { openApiDocument } from "./openapi.ts";

describe("the OpenAPI document", () => {
  const document = openApiDocument();

  test("is the one that is committed", async () => {
    await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot("../../openapi.json");
  });

  test("has every operation with its path, parameters, body and reply", () => {
    for (const route of Object.values(routes) as Route[]) {
      const operation = document.paths[route.path]?.[route.method.toLowerCase()];
      expect(operation?.operationId).toBe(route.id);
      const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const described = operation?.parameters.filter((parameter) => parameter.in === "path").map(({ name }) => name);
      expect(described).toEqual(inPath);
      expect(operation?.requestBody !== undefined).toBe(route.body !== undefined);
      expect(Object.keys(operation?.responses ?? {})).toContain(String(route.status));
    }
  });

  test("refers only to schemas that it has", () => {
    const names = new Set(Object.keys(document.components.schemas));
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(
      ([, name]) => name,
    );
    expect(references.length).toBeGreaterThan(50);
    for (const name of references) expect(names.has(name ?? "")).toBe(true);
    expect(JSON.stringify(document)).not.toContain("#/$defs/");
    for (const name of ["Claim", "Network", "Tenant", "Endpoint", "Node", "Problem", "WatchEvent"])
      expect(names.has(name)).toBe(true);
  });
});

describe("the documentation page", () => {
  const page = docsPage(openApiDocument());

  test("names every operation and needs nothing from elsewhere", () => {
    for (const { id } of Object.values(routes) as Route[]) expect(page).toContain(`id="${id}"`);
    expect(page).not.toMatch(/<script|src=|url\(|@import|href="https?:/);
  });

  test("has a target for every link", () => {
    const targets = new Set([...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
    for (const [, link] of page.matchAll(/href="#([^"]+)"/g)) expect(targets.has(link), link).toBe(true);
  });
});
