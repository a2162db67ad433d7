import type { Container } from "./container.ts";
import type { Plugin } from "./plugin.ts";

/** What a case works with. */
export interface CaseStage {
  readonly plugin: Plugin;
  /** An address of the plugin's network that nobody has, e.g. `"10.20.0.77"`; absent: none was named. */
  readonly freeAddress?: string;
  /** A new container, which goes with the case. */
  container(): Promise<Container>;
  /** Does work that must not change anything on the machine. */
  withoutEffect(work: () => Promise<void>): Promise<void>;
  /** Does work of which nothing may be left on the machine in the end; made-up names of links do not count. */
  withoutRest(work: () => Promise<void>): Promise<void>;
}

/** One point of the specification. */
export interface ConformanceCase {
  /** E.g. `"gc-without-list"`: what lists of expected failures call it. */
  readonly id: string;
  /** A sentence. */
  readonly title: string;
  /** Why the case says nothing about this plugin; undefined: it does. */
  readonly skipped?: (stage: CaseStage) => string | undefined;
  readonly run: (stage: CaseStage) => Promise<void>;
}

/** Codes of the specification (CNI 1.1.0, section "Error"); 8 is the reference library's. */
export const Code = {
  incompatibleVersion: 1,
  invalidEnvironment: 4,
  undecodable: 6,
  invalidConfig: 7,
  invalidNamespace: 8,
} as const;
