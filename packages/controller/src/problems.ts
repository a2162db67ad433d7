import { type HoldfastError, httpStatus } from "@holdfast/core";
import type { Problem } from "@holdfast/model";

const TYPE_BASE = "https://holdfast.example/problems/";

/** An error as a problem document (RFC 9457). `status` is that of the code unless HTTP knows a closer one. */
export function problemOf(error: HoldfastError, status = httpStatus(error.code), requestId?: string): Problem {
  const { field, requestId: _, ...details } = error.details;
  return {
    type: `${TYPE_BASE}${error.code}`,
    title: error.code.replaceAll("_", " "),
    status,
    detail: error.message,
    code: error.code,
    retryable: error.retryable,
    ...(field === undefined ? {} : { field: String(field) }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(Object.keys(details).length === 0 ? {} : { details }),
  };
}
