import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { startStage } from "./testing/stage.ts";

const root = resolve(import.meta.dirname, "../../..");

/** What a page has people type, and the files that it shows. */
function readPage(path: string, command: string) {
  const text = readFileSync(resolve(root, path), "utf8");
  const files = Object.fromEntries(
    [...text.matchAll(/^```\w+ (\S+)\n(.*?)^```$/gms)].map(([, name = "", content = ""]) => [name, content]),
  );
  const lines = text.split("\n").map((line) => line.trim());
  const typed = lines.filter((line) => line.startsWith(`${command} `)).map((line) => line.slice(command.length + 1));
  return { files, typed };
}

/** As a shell would: words, comments, what goes to a file. */
function wordsOf(line: string): string[] {
  const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => ({
    text: quoted ?? plain ?? "",
    plain,
  }));
  const end = words.findIndex(({ plain }) => plain === "#" || plain === ">");
  return words.slice(0, end < 0 ? words.length : end).map(({ text }) => text);
}

test("every command of the address book's guide does what it says when it is typed", { timeout: 60_000 }, async () => {
  const { files, typed } = readPage("docs/address-book.md", "holdfast");
  await using stage = await startStage(files);
  expect(typed.length).toBeGreaterThan(45);
  const failed: string[] = [];
  for (const line of typed) {
    const { code, screen } = await stage.type(wordsOf(line));
    if (code !== 0) failed.push(`${line}: ${screen}`);
  }
  expect(failed).toEqual([]);
  const again = await stage.type(["apply", "-f", "platform.yaml"]);
  expect(again.screen.match(/unchanged/g)).toHaveLength(4);
});

test("so does every command of the README that is about the address book", { timeout: 60_000 }, async () => {
  const page = readPage("README.md", "bin/holdfast");
  // These are about the machine's own files.
  const typed = page.typed.filter((line) => !/^(cni|flows) /.test(line));
  const files = { "hosts.csv": "address,name\n10.20.9.9,printer\n", "platform.yaml": PLATFORM };
  await using stage = await startStage(files);
  expect(typed.length).toBeGreaterThan(10);
  const failed: string[] = [];
  for (const line of typed) {
    const { code, screen } = await stage.type(wordsOf(line));
    if (code !== 0) failed.push(`${line}: ${screen}`);
  }
  expect(failed).toEqual([]);
});

const PLATFORM = "{ apiVersion: holdfast/v1, kind: Tenant, metadata: { name: blue } }";
