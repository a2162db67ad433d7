import { HoldfastError } from "@holdfast/core";
import type { EndpointWiring } from "./driver.ts";

/** For drivers that enforce no policy. @throws HoldfastError `not_found` when the endpoint has one: without it, it would reach what it must not. */
export function refusePolicy({ id, policy }: EndpointWiring): void {
  if (policy === undefined) return;
  throw new HoldfastError(
    "not_found",
    `endpoint ${id} is not attached: its policy ${policy.program} is not here, because this data path does not enforce policies`,
  );
}
