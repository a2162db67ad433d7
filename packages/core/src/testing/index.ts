export { ManualClock } from "./manual-clock.ts";
export { RecordingLogger } from "./recording-logger.ts";
export { seededRandom } from "./seeded-random.ts";
