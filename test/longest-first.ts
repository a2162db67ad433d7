import { BaseSequencer, type TestSpecification } from "vitest/node";

/** What takes long for its size, the longest first. Vitest knows that of files that it has run before, and of others only how large they are. */
export const LONG = [
  "packages/holdfast/test/controller-kill.test.ts",
  "packages/controller/test/book.test.ts",
  "packages/holdfast/test/flood.test.ts",
  "test/e2e/up-and-down.test.ts",
  "test/e2e/cni-conformance.test.ts",
];

/** Of files that run two at a time the longest come first, so that none of them is left to run alone at the end. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const projects = [...new Set(sorted.map(({ project }) => project.name))];
    return projects.flatMap((name) => longestFirst(sorted.filter(({ project }) => project.name === name)));
  }
}

function longestFirst(files: readonly TestSpecification[]): TestSpecification[] {
  const placeOf = ({ moduleId }: TestSpecification): number => {
    const place = LONG.findIndex((file) => moduleId.endsWith(file));
    return place === -1 ? LONG.length : place;
  };
  return files.toSorted((one, other) => placeOf(one) - placeOf(other));
}
