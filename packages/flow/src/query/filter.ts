import type { Cidr } from "@holdfast/core";
import type { TrafficField } from "./field.ts";

/** Which traffic somebody wants to see. */
export type TrafficFilter =
  | { readonly kind: "all"; readonly of: readonly TrafficFilter[] }
  | { readonly kind: "any"; readonly of: readonly TrafficFilter[] }
  | { readonly kind: "not"; readonly of: TrafficFilter }
  /** The field has one of the values. */
  | { readonly kind: "is"; readonly field: TrafficField; readonly values: readonly FilterValue[] };

export type FilterValue =
  /** Exactly so: text, address, protocol number, port, true or false. */
  | { readonly kind: "equal"; readonly value: string | number | boolean }
  /** `*` stands for any text. */
  | { readonly kind: "pattern"; readonly pattern: string }
  | { readonly kind: "prefix"; readonly prefix: Cidr }
  /** Both included. */
  | { readonly kind: "range"; readonly first: number; readonly last: number }
  /** It has no value. */
  | { readonly kind: "absent" };
