import { createHash } from "node:crypto";
import { arch } from "node:os";
import { TarWriter } from "./tar.ts";

/**
 * An image of one layer as an OCI archive, for `ctr images import` (OCI Image Layout 1.0). Whoever gives no command gets one that sleeps.
 *
 * @param layer the root folder as a tar archive
 */
export function createOciArchive(name: string, layer: Buffer): Buffer {
  const tar = new TarWriter().folder("blobs").folder("blobs/sha256");
  const blob = (content: Buffer, mediaType: string) => {
    const hash = createHash("sha256").update(content).digest("hex");
    tar.file(`blobs/sha256/${hash}`, content);
    return { mediaType, digest: `sha256:${hash}`, size: content.length };
  };
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  const layers = [blob(layer, "application/vnd.oci.image.layer.v1.tar")];
  const config = {
    architecture: arch() === "x64" ? "amd64" : arch(),
    os: "linux",
    config: { Entrypoint: ["/bin/sleep"], Cmd: ["100000"], Env: ["PATH=/bin"] },
    // An unpacked layer is its own difference.
    rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: blob(json(config), "application/vnd.oci.image.config.v1+json"),
    layers,
  };
  const described = { ...blob(json(manifest), manifest.mediaType), annotations: { "io.containerd.image.name": name } };
  return tar
    .file("oci-layout", json({ imageLayoutVersion: "1.0.0" }))
    .file("index.json", json({ schemaVersion: 2, manifests: [described] }))
    .end();
}
