import type { RouteRequest, Routes } from "@holdfast/model";
import { placeOf, portPage, toldPort } from "../counters/told-port.ts";
import type { FlowStore } from "../store/store.ts";
import { type Moment, timeRange } from "./range.ts";

type Query = RouteRequest<Routes["flowCounters"]>["query"];

/** Whether somebody asks for a time, and not for all that is counted now. */
export function isOfTime({ last, from, to }: Query): boolean {
  return last !== undefined || from !== undefined || to !== undefined;
}

/** What ports have counted in a time, with the mean rates of it. @throws HoldfastError `invalid_argument`, naming the parameter; `unavailable` */
export async function pastCounters(
  store: FlowStore,
  { last, from, to, limit, continue: after, ...scope }: Query,
  moment: Moment,
): Promise<ReturnType<typeof portPage> & { readonly revision: number }> {
  const found = await store.counts({ ...timeRange({ last, from, to }, moment), ...scope });
  const ports = found.map((counted) => {
    const recent = { ...counted, milliseconds: counted.until - counted.since };
    return { place: placeOf(counted), told: toldPort(counted, recent, scope.tenant !== undefined) };
  });
  return { ...portPage(ports, { limit, after }), revision: 0 };
}
