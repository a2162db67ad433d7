import { createServer, type ServerResponse } from "node:http";
import type { Book } from "./book.ts";

/** What `/healthz`, `/readyz` and `/metrics` tell. */
export interface StatusSource {
  readonly book: Book;
  readonly inStep: () => boolean;
  readonly rows: () => readonly { readonly row: string; readonly state: string; readonly error?: string }[];
}

/** Serves the agent's state to people and Prometheus. Resolves when it listens. */
export async function startStatusServer(source: StatusSource, listen: string): Promise<{ stop(): Promise<void> }> {
  const server = createServer((request, response) => {
    const path = (request.url ?? "").split("?")[0];
    if (path === "/healthz") return send(response, 200, "application/json", JSON.stringify({ status: "ok" }));
    if (path === "/readyz") return sendReadiness(source, response);
    if (path === "/metrics") return send(response, 200, "text/plain; version=0.0.4", metricsText(source));
    send(response, 404, "application/json", JSON.stringify({ code: "not_found", detail: `nothing is at ${path}` }));
  });
  const cut = listen.lastIndexOf(":");
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: listen.slice(0, cut), port: Number(listen.slice(cut + 1)) }, resolve);
  });
  return {
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function sendReadiness(source: StatusSource, response: ServerResponse): void {
  const ready = source.book.complete;
  const body = { ready, controller: source.inStep() ? "in step" : "not reached", pending: source.rows() };
  send(response, ready ? 200 : 503, "application/json", JSON.stringify(body));
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { "content-type": type });
  response.end(body);
}

function metricsText(source: StatusSource): string {
  const phases = new Map<string, number>();
  for (const { phase } of source.book.endpoints.values()) phases.set(phase, (phases.get(phase) ?? 0) + 1);
  const unreported = [...source.book.endpoints.values()].filter((endpoint) => endpoint.unreported.length > 0).length;
  return [
    metric("holdfast_agent_endpoints", "Endpoints of this node by phase.", "gauge"),
    ...[...phases].map(([phase, count]) => `holdfast_agent_endpoints{phase="${phase}"} ${count}`),
    metric("holdfast_agent_networks", "Networks known to this node.", "gauge"),
    `holdfast_agent_networks ${source.book.networks.size}`,
    metric(
      "holdfast_agent_unreported_endpoints",
      "Endpoints with changes that the controller has not been told.",
      "gauge",
    ),
    `holdfast_agent_unreported_endpoints ${unreported}`,
    metric("holdfast_agent_unsettled_rows", "Rows of the data path that are not as desired.", "gauge"),
    `holdfast_agent_unsettled_rows ${source.rows().length}`,
    metric("holdfast_agent_controller_in_step", "1 when the feed from the controller stands.", "gauge"),
    `holdfast_agent_controller_in_step ${source.inStep() ? 1 : 0}`,
    metric("process_resident_memory_bytes", "Resident memory.", "gauge"),
    `process_resident_memory_bytes ${process.memoryUsage.rss()}`,
    "",
  ].join("\n");
}

function metric(name: string, help: string, type: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}`;
}
