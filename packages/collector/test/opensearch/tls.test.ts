import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@holdfast/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSearchServer } from "../../src/opensearch/server.ts";
import { JARS } from "./opensearch-process.ts";

describe.skipIf(JARS === undefined)("a cluster with a certificate of its own authority (make test-opensearch)", () => {
  let folder: string;
  let caFile: string;
  let address: URL;
  const server = createServer((_, response) => response.end('{"fine":true}'));

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "holdfast-tls-"));
    caFile = join(folder, "ca.pem");
    const keyFile = join(folder, "key.pem");
    const made = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"];
    const named = ["-subj", "/CN=flows", "-addext", "subjectAltName=IP:127.0.0.1"];
    execFileSync("openssl", ["req", ...made, ...named, "-keyout", keyFile, "-out", caFile], { stdio: "ignore" });
    server.setSecureContext({ key: readFileSync(keyFile), cert: readFileSync(caFile) });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    address = new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true, force: true });
  });

  test("is believed by the file of that authority", async () => {
    const cluster = createSearchServer(systemClock, { addresses: [address], caFile });
    expect(await cluster.ask({ method: "GET", path: "/" })).toEqual({ fine: true });
    cluster.close();
  });

  test("is not believed without it, and the error says what is missing", async () => {
    const cluster = createSearchServer(systemClock, { addresses: [address] });
    await expect(cluster.ask({ method: "GET", path: "/" })).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(/self-signed certificate; .*--opensearch-ca/) as string,
    });
    cluster.close();
  });
});
