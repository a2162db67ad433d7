export {
  type FlowAlarm,
  type FlowAlarmDetail,
  type FlowAlarmEvent,
  type FlowAlarmGroup,
  type FlowAlarmState,
  type FlowAlarmTest,
  flowAlarmDetailSchema,
  flowAlarmEventSchema,
  flowAlarmSchema,
  flowAlarmTestSchema,
} from "./flow-alarm.ts";
export { changedFlowAlarm, type FlowAlarmPatch, flowAlarmPatchSchema } from "./flow-alarm-patch.ts";
export { type FlowAlarmUnit, flowAlarmLevels, flowAlarmUnit } from "./levels.ts";
export {
  flowAlarmSpecSchema,
  type NewFlowAlarm,
  type NewFlowAlarmInput,
  newFlowAlarmSchema,
} from "./new-flow-alarm.ts";
export { type FlowAlarmSubject, flowAlarmSubjectSchema } from "./subject.ts";
