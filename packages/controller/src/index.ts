export { type ControllerConfig, controllerOptions } from "./config.ts";
export {
  type Controller,
  type ControllerDependencies,
  type ControllerOptions,
  createController,
} from "./controller.ts";
export type { SegmentRange } from "./platform.ts";
