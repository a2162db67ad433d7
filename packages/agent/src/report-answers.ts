import type { Logger } from "@holdfast/core";
import type { ReportResults } from "@holdfast/model";
import type { Book } from "./book.ts";
import type { LocalEndpoint } from "./local-endpoint.ts";
import type { Takedown } from "./takedown.ts";

/** What the controller's answer to a report means for the endpoint that it was about. */
export interface ReportAnswers {
  /** Resolves when the book, and the wire, are as the answer wants them. `sent` is the endpoint as it was when the report was made. */
  follow(sent: LocalEndpoint, result: ReportResults["results"][number], signal: AbortSignal): Promise<void>;
}

export interface ReportAnswersDependencies {
  readonly book: Book;
  readonly logger: Logger;
  readonly takedown: () => Takedown;
  /** Something was noted of the endpoint after the report was made. */
  readonly tellMore: (id: string) => void;
}

export function createReportAnswers({ book, logger, takedown, tellMore }: ReportAnswersDependencies): ReportAnswers {
  async function follow(
    sent: LocalEndpoint,
    result: ReportResults["results"][number],
    signal: AbortSignal,
  ): Promise<void> {
    const now = book.endpoints.get(sent.id);
    switch (result.outcome) {
      case "done":
        await acknowledge(sent, now);
        break;
      case "superseded":
        await takedown().forget(sent.id, result.detail ?? "another node has the claim", signal);
        break;
      case "unknown":
        // A controller that has lost its memory must not cost a running container its network.
        if (now?.phase === "released" || now?.phase === "reserved") await book.deleteEndpoint(sent.id);
        else {
          logger.error("the controller does not know an endpoint that runs here", {
            endpoint: sent.id,
            detail: result.detail,
          });
          await acknowledge(sent, now);
        }
        break;
      case "refused":
        logger.error("the controller refused a report", { endpoint: sent.id, detail: result.detail });
        if (sent.replaces === undefined) await acknowledge(sent, now);
        else await takedown().forget(sent.id, result.detail ?? "the claim is gone", signal);
        break;
    }
  }

  async function acknowledge(sent: LocalEndpoint, now: LocalEndpoint | undefined): Promise<void> {
    if (now === undefined) return;
    const rest = now.unreported.slice(sent.unreported.length);
    if (rest.length > 0) tellMore(now.id);
    if (now.phase === "released" && rest.length === 0) return book.deleteEndpoint(now.id);
    const { replaces: _, replacesAlso: __, ...fields } = now;
    await book.putEndpoint({ ...fields, unreported: rest, known: true });
  }

  return { follow };
}
