import { HoldfastError, httpStatus, isErrorCode } from "@holdfast/core";
import { z } from "zod";

/** An error on the wire (RFC 9457), with our stable `code`. */
export const problemSchema = z
  .object({
    type: z.string().meta({ examples: ["https://holdfast.example/problems/address_in_use"] }),
    title: z.string(),
    status: z.int(),
    /** What failed, on which object, and what to do. */
    detail: z.string(),
    code: z.string(),
    retryable: z.boolean(),
    /** The field at fault, as a path, e.g. `"subnets.0.prefix"`. */
    field: z.string().optional(),
    /** Also in the reply's `X-Request-Id`, in the ledger and in the controller's log. */
    requestId: z.string().optional(),
    details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  })
  .meta({ id: "Problem" });
export type Problem = z.output<typeof problemSchema>;

/** The error behind a problem document; a code we do not know becomes `internal`. */
export function problemToError(problem: Problem): HoldfastError {
  const code = isErrorCode(problem.code) ? problem.code : "internal";
  return new HoldfastError(code, problem.detail, {
    retryable: problem.retryable,
    details: {
      ...problem.details,
      ...(problem.field === undefined ? {} : { field: problem.field }),
      ...(problem.requestId === undefined ? {} : { requestId: problem.requestId }),
    },
  });
}

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
