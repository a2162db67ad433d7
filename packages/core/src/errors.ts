/**
 * What went wrong, as a stable word. It is the contract: the REST API returns it, callers switch on it.
 *
 * HTTP status is a table from the code ({@link httpStatus}).
 */
export type ErrorCode =
  | "invalid_argument"
  | "unauthenticated"
  | "not_found"
  | "already_exists"
  | "conflict"
  | "precondition_failed"
  | "address_in_use"
  | "address_out_of_range"
  | "claim_bound"
  | "pool_exhausted"
  | "quota_exceeded"
  | "in_use"
  | "revision_gone"
  | "too_large"
  | "too_many_requests"
  | "kernel_rejected"
  | "switch_rejected"
  | "timeout"
  | "unavailable"
  | "internal";

/** Facts about an error for machines, e.g. `{ field: "vlan", node: "node-2" }`. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean>>;

/**
 * Every error the platform raises on purpose.
 *
 * `message` names what failed, on which object, and what to do; it is for people and may change.
 */
export class HoldfastError extends Error {
  override readonly name: string = "HoldfastError";
  readonly code: ErrorCode;
  /** Whether trying the same call again, unchanged, can succeed. */
  readonly retryable: boolean;
  readonly details: ErrorDetails;

  constructor(
    code: ErrorCode,
    message: string,
    options: { details?: ErrorDetails; cause?: unknown; retryable?: boolean } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
    this.retryable = options.retryable ?? (code === "unavailable" || code === "timeout");
  }
}

/** Narrows a caught value; with `code`, only errors of that code. */
export function isHoldfastError(error: unknown, code?: ErrorCode): error is HoldfastError {
  return error instanceof HoldfastError && (code === undefined || error.code === code);
}

/** The text of anything that was thrown, with its causes, e.g. `"cannot add port: socket closed"`. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : errorText(error.cause);
  return error.message.includes(cause) ? error.message : `${error.message}: ${cause}`;
}

/** A programmer's error: ends the process when nobody should have caught it. */
export function assert(condition: unknown, whatMustHold: string): asserts condition {
  if (!condition) throw new TypeError(`bug: ${whatMustHold}`);
}

const STATUS: Readonly<Record<ErrorCode, number>> = {
  invalid_argument: 400,
  unauthenticated: 401,
  not_found: 404,
  already_exists: 409,
  conflict: 409,
  precondition_failed: 412,
  address_in_use: 409,
  address_out_of_range: 422,
  claim_bound: 409,
  pool_exhausted: 409,
  quota_exceeded: 409,
  in_use: 409,
  revision_gone: 410,
  too_large: 413,
  too_many_requests: 429,
  kernel_rejected: 500,
  switch_rejected: 500,
  timeout: 504,
  unavailable: 503,
  internal: 500,
};

/** The HTTP status that carries an error of this code (RFC 9110 section 15). */
export function httpStatus(code: ErrorCode): number {
  return STATUS[code];
}

/** Whether a word from the wire is one of our codes. */
export function isErrorCode(word: string): word is ErrorCode {
  return Object.hasOwn(STATUS, word);
}
