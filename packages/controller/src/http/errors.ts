import { errorText, HoldfastError, type Logger } from "@holdfast/core";

/** An error of ours with the HTTP status that it goes out with. */
export interface HttpError {
  readonly error: HoldfastError;
  /** Absent: that of the code. */
  readonly status?: number;
}

const MEBIBYTE = 1024 * 1024;
/** For operations that do not say otherwise. */
export const BODY_LIMIT_BYTES = MEBIBYTE;

/** What Fastify says, by its code (https://fastify.dev/docs/latest/Reference/Errors/). */
const KNOWN: Readonly<Record<string, (message: string, bodyLimit: number) => HttpError>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: (_, bodyLimit) => ({
    error: new HoldfastError("too_large", `the body is larger than ${bodyLimit / MEBIBYTE} MiB`),
  }),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () => ({
    error: new HoldfastError("invalid_argument", "Content-Type: only application/json is understood", {
      details: { field: "Content-Type" },
    }),
    status: 415,
  }),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () => ({
    error: new HoldfastError("invalid_argument", "the body is not as long as Content-Length says"),
  }),
  FST_ERR_BAD_URL: () => ({ error: new HoldfastError("invalid_argument", "the path is not well-formed") }),
  FST_ERR_MAX_PARAM_LENGTH: () => ({ error: new HoldfastError("invalid_argument", "a part of the path is too long") }),
};

/** The request that failed. */
export interface FailedRequest {
  readonly operation: string;
  readonly requestId: string;
  /** What its body might have had, in bytes. */
  readonly bodyLimit: number;
}

/** Anything that was thrown while a request was handled; what nobody expected is logged and told without details. */
export function httpError(thrown: unknown, logger: Logger, { bodyLimit, ...request }: FailedRequest): HttpError {
  if (thrown instanceof HoldfastError) {
    if (thrown.code === "internal") logger.error("request failed", { ...request, error: errorText(thrown) });
    return { error: thrown };
  }
  const { code, statusCode } = thrown as { code?: unknown; statusCode?: unknown };
  const known = typeof code === "string" ? KNOWN[code] : undefined;
  if (known !== undefined) return known(errorText(thrown), bodyLimit);
  if (typeof statusCode === "number" && statusCode >= 400 && statusCode < 500) {
    return { error: new HoldfastError("invalid_argument", errorText(thrown)), status: statusCode };
  }
  logger.error("request failed", { ...request, error: errorText(thrown), stack: (thrown as Error).stack });
  return {
    error: new HoldfastError("internal", "the controller has a fault; its log says more", { cause: thrown }),
  };
}
