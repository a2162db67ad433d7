import { test } from "vitest";
import { checkBook } from "./testing/book-property.ts";

// The same programs every time; test/book.test.ts runs many more.
test("the address book does what its rules say (1,000 random steps)", { timeout: 60_000 }, async () => {
  await checkBook({ steps: 1000, seed: 20_260_101 });
});
