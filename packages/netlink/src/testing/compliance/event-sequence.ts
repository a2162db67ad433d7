import { expect } from "vitest";

import type { KernelEvent } from "../../kernel.ts";

/** Reads events up to one that matches, and gives them all. */
export async function collect(
  events: AsyncIterator<KernelEvent>,
  until: (event: KernelEvent) => boolean,
): Promise<KernelEvent[]> {
  const seen: KernelEvent[] = [];
  for (;;) {
    const next = await events.next();
    if (next.done) return seen;
    seen.push(next.value);
    if (until(next.value)) return seen;
  }
}

/** Each of `wanted` is among `seen`, one after the other; other events may lie between. */
export function expectInOrder(seen: readonly KernelEvent[], wanted: readonly object[]): void {
  let rest = seen;
  for (const event of wanted) {
    const index = rest.findIndex((candidate) => matches(candidate, event));
    expect(index, `${JSON.stringify(event)} among ${JSON.stringify(rest)}`).toBeGreaterThanOrEqual(0);
    rest = rest.slice(index + 1);
  }
}

function matches(event: KernelEvent, wanted: object): boolean {
  try {
    expect(event).toEqual(wanted);
    return true;
  } catch {
    return false;
  }
}
