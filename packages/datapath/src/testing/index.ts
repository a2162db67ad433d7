export { driverCompliance } from "./driver-compliance.ts";
export type { DriverEnvironment, DriverTraits } from "./driver-context.ts";
export { asRemote, ip, network, on, ownAddresses, routed, TENANTS_NETWORKS, wiring } from "./parties.ts";
export { type Attempt, type Party, type PolicyEnvironment, policyCompliance } from "./policy-compliance.ts";
export { from, having, NO_CHANGE, prefixSet, program, REALM_SETS, REALMS, rule, tcp, udp } from "./policy-parties.ts";
