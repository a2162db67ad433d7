import { type ErrorCode, errorText, isHoldfastError } from "@holdfast/core";

/** Codes of the specification (CNI 1.1.0, section "Error"), and our own from 100 on. */
export const CniErrorCode = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  /** The runtime need not clean up. */
  unknownContainer: 3,
  invalidEnvironment: 4,
  io: 5,
  undecodable: 6,
  invalidConfig: 7,
  /** Not in the specification's table; the reference library has it for a network namespace that is none. */
  invalidNamespace: 8,
  tryAgainLater: 11,
  /** Answers to STATUS: no ADD can succeed now. */
  notAvailable: 50,
  /** Answers to STATUS: no ADD can succeed now, and running containers may have lost their network. */
  notAvailableDegraded: 51,
  refused: 100,
  addressInUse: 101,
  noAddressLeft: 102,
  internal: 199,
} as const;

/** An error that a runtime is told of. */
export class CniError extends Error {
  override readonly name = "CniError";
  /** One of {@link CniErrorCode}. */
  readonly code: number;
  /** Longer text; empty: none. */
  readonly details: string;

  constructor(code: number, message: string, options: { readonly details?: string; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? "";
  }
}

const CODES: Partial<Record<ErrorCode, number>> = {
  invalid_argument: CniErrorCode.invalidConfig,
  address_in_use: CniErrorCode.addressInUse,
  claim_bound: CniErrorCode.addressInUse,
  pool_exhausted: CniErrorCode.noAddressLeft,
  quota_exceeded: CniErrorCode.noAddressLeft,
  too_many_requests: CniErrorCode.tryAgainLater,
  timeout: CniErrorCode.tryAgainLater,
  unavailable: CniErrorCode.tryAgainLater,
  internal: CniErrorCode.internal,
};

/** What goes to standard output with exit code 1, for anything that was thrown. */
export function errorOutput(error: unknown, cniVersion: string): string {
  const { code, message, details } = error instanceof CniError ? error : asCniError(error);
  return JSON.stringify({ cniVersion, code, msg: message, ...(details === "" ? {} : { details }) });
}

function asCniError(error: unknown): CniError {
  const code = isHoldfastError(error) ? (CODES[error.code] ?? CniErrorCode.refused) : CniErrorCode.internal;
  return new CniError(code, errorText(error), { cause: error });
}
