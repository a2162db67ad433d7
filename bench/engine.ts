import { HoldfastError } from "@holdfast/core";
import { createNodeFetch } from "@holdfast/http";
import type { LabHost } from "@holdfast/lab";

/** A lab host's Docker Engine API, without the start of a command for each call. */
export interface Engine {
  post(path: string, body?: unknown): Promise<unknown>;
  get(path: string): Promise<unknown>;
  delete(path: string): Promise<unknown>;
}

export function engineOf(host: LabHost): Engine {
  const fetch = createNodeFetch({ socketPath: host.path("/run/docker.sock") });
  const call = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(`http://docker${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    const text = await response.text();
    if (!response.ok) throw new HoldfastError("internal", `docker ${method} ${path}: ${response.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  };
  return {
    post: (path, body) => call("POST", path, body),
    get: (path) => call("GET", path),
    delete: (path) => call("DELETE", path),
  };
}
