import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

interface LockedPackage {
  readonly link?: boolean;
  readonly resolved?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const lock = JSON.parse(readFileSync(new URL("../package-lock.json", import.meta.url), "utf8")) as {
  readonly packages: Readonly<Record<string, LockedPackage>>;
};
const packages = Object.entries(lock.packages);

/** Node's own search: beside the package, then up. */
function isLocked(place: string, dependency: string): boolean {
  if (`${place === "" ? "" : `${place}/`}node_modules/${dependency}` in lock.packages) return true;
  if (place === "") return false;
  const above = place.lastIndexOf("/node_modules/");
  return isLocked(above === -1 ? "" : place.slice(0, above), dependency);
}

describe("package-lock.json", () => {
  // A registry that lacks a platform's package leaves it out of the lock file, and `npm ci` then refuses the lock file everywhere.
  test("holds every dependency, those for other platforms included", () => {
    const missing = packages.flatMap(([place, { dependencies, optionalDependencies }]) =>
      Object.keys({ ...dependencies, ...optionalDependencies })
        .filter((dependency) => !isLocked(place, dependency))
        .map((dependency) => `${dependency}, of ${place}`),
    );
    expect(missing).toEqual([]);
  });

  test("names no registry: it installs from whichever the machine is set to", () => {
    const resolved = packages.filter(([, entry]) => entry.resolved !== undefined && entry.link !== true);
    expect(resolved.map(([place]) => place)).toEqual([]);
  });
});
