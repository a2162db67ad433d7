export { pcapFile, sflowCapture } from "./capture-file.ts";
export type { DatagramPlan, SamplePlan } from "./encoder.ts";
export {
  encodeDatagram,
  encodeFields,
  encodeHeaderRecord,
  encodeRecord,
  encodeSample,
  layoutNamed,
} from "./encoder.ts";
export { exampleFields } from "./example-fields.ts";
export { ethernet, extension, geneve, ipv4, ipv6, tcp, udp, vxlan } from "./packets.ts";
