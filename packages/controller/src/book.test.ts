import { test } from "vitest";
import { checkBook } from "./testing/book-property.ts";

// The same programs every time; test/book.test.ts runs many more. They take less than a second, and much longer beside others that are as busy.
test("the address book does what its rules say (1,000 random steps)", { timeout: 300_000 }, async () => {
  await checkBook({ steps: 1000, seed: 20_260_101 });
});
