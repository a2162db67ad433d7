import type { ServerResponse } from "node:http";
import { errorText, HoldfastError, httpStatus, isHoldfastError, type Logger } from "@holdfast/core";
import { problemOf } from "@holdfast/model";

/** Says what went wrong with a question; what is nobody's business goes to the log. */
export function sendProblem(response: ServerResponse, thrown: unknown, logger: Logger): void {
  const error = isHoldfastError(thrown)
    ? thrown
    : new HoldfastError("internal", "the question could not be answered; the collector's log says why");
  if (error !== thrown) logger.error("a question about flows failed", { error: errorText(thrown) });
  if (response.headersSent) return void response.destroy();
  response.writeHead(httpStatus(error.code), { "content-type": "application/problem+json; charset=utf-8" });
  response.end(JSON.stringify(problemOf(error)));
}
