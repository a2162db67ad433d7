import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { freePort } from "./controller-process.ts";
import { createFlowStage, type FlowStage } from "./flow-stream/stage.ts";

const PATIENT = { interval: 200, timeout: 20_000 };

/** A certificate for this machine, which signs itself: the file is its authority, too. */
function makeCertificate(folder: string, name: string): { readonly certificate: string; readonly key: string } {
  const [certificate, key] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  const made = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"];
  const named = ["-subj", "/CN=redis", "-addext", "subjectAltName=IP:127.0.0.1"];
  execFileSync("openssl", ["req", ...made, ...named, "-keyout", key, "-out", certificate], { stdio: "ignore" });
  return { certificate, key };
}

/** A Redis that takes connections by TLS, and nothing without a password. */
async function startTlsRedis(stage: FlowStage) {
  const { certificate, key } = makeCertificate(stage.folder, "redis");
  const [port, passwordFile] = [await freePort(), join(stage.folder, "password")];
  writeFileSync(passwordFile, "a secret\n");
  const tls = ["--tls-port", String(port), "--tls-cert-file", certificate, "--tls-key-file", key];
  await stage.startRedis(
    ...tls,
    "--tls-ca-cert-file",
    certificate,
    "--tls-auth-clients",
    "no",
    "--requirepass",
    "a secret",
  );
  return {
    access: { url: `rediss://127.0.0.1:${port}` },
    certificate,
    password: ["--redis-password-file", passwordFile],
  };
}

describe("a Redis that is reached by TLS", () => {
  test("is believed by the file of who signs its certificate, and datagrams go through it", {
    timeout: 60_000,
  }, async () => {
    await using stage = createFlowStage();
    const { access, certificate, password } = await startTlsRedis(stage);
    const collector = await stage.startCollector(access, "flows.db", "--redis-ca-file", certificate, ...password);
    const load = stage.startLoad(collector, 200);
    await expect.poll(() => collector.storedPackets(), PATIENT).toBeGreaterThan(0);
    await load.stop();
    await expect.poll(() => collector.storedPackets(), PATIENT).toBe(load.sent);
    expect((await collector.status()).stream?.worker).toMatchObject({ state: "reading", lost: 0 });
  });

  test.each(["without the file", "by another's file"])("is not believed %s, and the status says why", async (how) => {
    await using stage = createFlowStage();
    const { access, password } = await startTlsRedis(stage);
    const other = ["--redis-ca-file", makeCertificate(stage.folder, "other").certificate];
    const flags = how === "without the file" ? [] : other;
    const collector = await stage.startCollector(access, "flows.db", ...flags, ...password);
    const load = stage.startLoad(collector, 200);
    const said = async () => JSON.stringify((await collector.status()).stream);
    await expect.poll(said, PATIENT).toMatch(/certificate[^"]*--redis-ca-file/);
    expect(await said()).not.toContain("secret");
    await load.stop();
    expect(await collector.storedPackets()).toBe(0);
  });
});
