import { HoldfastError } from "@holdfast/core";
import type { AlarmName, KeptAlarm } from "./kept.ts";

/** Alarms that one may have: each is a question every 10 s to a minute. Nobody's are counted with another's. */
export const MOST_ALARMS = { ofTenant: 100, ofPlatform: 500 } as const;

/** @throws HoldfastError `quota_exceeded` when there is no room for one more of theirs */
export function refuseOneMore(alarms: Iterable<Pick<KeptAlarm, "tenant">>, { tenant }: AlarmName): void {
  const most = tenant === undefined ? MOST_ALARMS.ofPlatform : MOST_ALARMS.ofTenant;
  let count = 0;
  for (const alarm of alarms) if (alarm.tenant === tenant) count += 1;
  if (count < most) return;
  const whose =
    tenant === undefined ? `the platform has ${most} alarms of its own` : `tenant ${tenant} has ${most} alarms`;
  throw new HoldfastError("quota_exceeded", `${whose}, and may have no more; delete one, or tell groups apart with by`);
}
