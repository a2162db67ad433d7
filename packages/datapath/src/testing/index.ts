export { type DriverEnvironment, driverCompliance } from "./driver-compliance.ts";
export { asRemote, ip, network, on, wiring } from "./parties.ts";
