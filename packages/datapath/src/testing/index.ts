export { type DriverEnvironment, type DriverTraits, driverCompliance } from "./driver-compliance.ts";
export { asRemote, ip, network, on, ownAddresses, TENANTS_NETWORKS, wiring } from "./parties.ts";
