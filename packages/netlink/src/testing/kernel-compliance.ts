import { addressesCompliance } from "./compliance/addresses.ts";
import { eventsCompliance } from "./compliance/events.ts";
import { type KernelEnvironment, kernelUnderTest } from "./compliance/kernel-under-test.ts";
import { linksCompliance } from "./compliance/links.ts";
import { namespacesCompliance } from "./compliance/namespaces.ts";
import { neighboursCompliance } from "./compliance/neighbours.ts";
import { routesCompliance } from "./compliance/routes.ts";

export type { KernelEnvironment };

/** What every `Kernel` must do; run it against the fake and against the real one. */
export function kernelCompliance(name: string, makeEnvironment: () => Promise<KernelEnvironment>): void {
  const subject = kernelUnderTest(makeEnvironment);
  linksCompliance(name, subject);
  addressesCompliance(name, subject);
  routesCompliance(name, subject);
  neighboursCompliance(name, subject);
  eventsCompliance(name, subject);
  namespacesCompliance(name, subject);
}
