import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { errorText, HoldfastError, type ListenAddress } from "@holdfast/core";
import { collectorRoutes, type FlowStatus } from "@holdfast/model";
import type { FlowApi } from "../api/flow-api.ts";
import { type Family, metricsText } from "./metrics.ts";

/** Serves how the collector does to people and Prometheus. */
export interface StatusServer {
  readonly address: ListenAddress;
  stop(): Promise<void>;
}

export interface StatusServerDependencies {
  /** Asked for each request. */
  readonly status: () => FlowStatus;
  /** What is told to Prometheus beside the status. */
  readonly families: () => readonly Family[];
  readonly flows: FlowApi;
}

/**
 * @throws HoldfastError `unavailable` when it cannot listen
 */
export async function startStatusServer(
  { status, families, flows }: StatusServerDependencies,
  listen: ListenAddress,
): Promise<StatusServer> {
  const server = createServer((request, response) => {
    const path = (request.url ?? "").split("?")[0];
    if (path === "/healthz") return sendJson(response, 200, { status: "ok" });
    if (path === "/readyz") return sendReadiness(response, status());
    if (path === "/metrics")
      return send(response, { status: 200, type: "text/plain; version=0.0.4" }, metricsText(status(), families()));
    if (path === collectorRoutes.flowStatus.path) return sendJson(response, 200, status());
    if (flows(request, response)) return;
    sendJson(response, 404, { code: "not_found", detail: `nothing is at ${path}` });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(cannotListen(listen, error)));
    server.listen({ host: listen.host, port: listen.port }, resolve);
  });
  return {
    address: { host: listen.host, port: (server.address() as AddressInfo).port },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Ready is who has names, too: a controller that is not reached later changes nothing of that. */
function sendReadiness(response: ServerResponse, { inventory }: FlowStatus): void {
  const ready = inventory.state !== "loading";
  sendJson(response, ready ? 200 : 503, { ready, inventory });
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  send(response, { status, type: "application/json" }, JSON.stringify(body));
}

function send(response: ServerResponse, head: { readonly status: number; readonly type: string }, body: string): void {
  response.writeHead(head.status, { "content-type": head.type });
  response.end(body);
}

function cannotListen({ host, port }: ListenAddress, cause: unknown): HoldfastError {
  const message = `cannot serve the collector's status on ${host}:${port}: ${errorText(cause)}; --status names another address`;
  return new HoldfastError("unavailable", message, { cause, retryable: false });
}
