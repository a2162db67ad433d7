/** Versions of the CNI specification that are spoken, oldest first. */
export const SUPPORTED_VERSIONS = ["0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;
export type CniVersion = (typeof SUPPORTED_VERSIONS)[number];

export const NEWEST_VERSION: CniVersion = "1.1.0";

/** What came with which version. */
const SINCE = {
  CHECK: "0.4.0",
  GC: "1.1.0",
  STATUS: "1.1.0",
  /** Interfaces say their MTU, socket and PCI id, routes their MTU, MSS, metric, table and scope. */
  details: "1.1.0",
  /** Before, addresses said their family in `version`. */
  familyImplied: "1.0.0",
} as const satisfies Record<string, CniVersion>;

export function isCniVersion(text: string): text is CniVersion {
  return (SUPPORTED_VERSIONS as readonly string[]).includes(text);
}

export function supports(version: CniVersion, feature: keyof typeof SINCE): boolean {
  return SUPPORTED_VERSIONS.indexOf(version) >= SUPPORTED_VERSIONS.indexOf(SINCE[feature]);
}

/** Answer to VERSION. `asked` is the version of who asks, whatever it is; absent: he has not said. */
export function versionOutput(asked: string | undefined): string {
  return JSON.stringify({ cniVersion: asked ?? NEWEST_VERSION, supportedVersions: SUPPORTED_VERSIONS });
}
