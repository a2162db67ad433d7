import { type CallOptions, type Client, createClient } from "@holdfast/client";
import type { Command } from "commander";
import type { CliIo } from "./io.ts";
import { type ExportFormat, exportFormats, type OutputFormat, outputFormats } from "./output/print.ts";

/** What every command works with. */
export interface Context {
  readonly io: CliIo;
  readonly client: Client;
  readonly output: OutputFormat;
  /** Of commands that export. Absent: the command's own default. */
  readonly exportFormat: ExportFormat | undefined;
  /** What somebody asked for with `--output`. Absent: nothing, and {@link output} is a table. */
  readonly namedOutput: OutputFormat | ExportFormat | undefined;
  /** Where things are made and looked up: the named tenant, else `default`. */
  readonly tenant: string;
  /** Only when somebody named one: lists without it are of all tenants. */
  readonly namedTenant: string | undefined;
  readonly call: CallOptions;
}

export const DEFAULT_SERVER = "http://127.0.0.1:4653";

interface GlobalOptions {
  readonly server?: string;
  readonly token?: string;
  readonly output?: OutputFormat | ExportFormat;
  readonly tenant?: string;
}

/** The context of a command from its own and its parents' options. */
export function contextOf(command: Command, io: CliIo): Context {
  const options: GlobalOptions = command.optsWithGlobals();
  const server = options.server ?? io.environment.HOLDFAST_SERVER ?? DEFAULT_SERVER;
  const token = options.token ?? io.environment.HOLDFAST_TOKEN;
  const namedTenant = options.tenant ?? io.environment.HOLDFAST_TENANT;
  return {
    io,
    client: createClient({ fetch: io.fetch }, { server, token }),
    output: outputFormats.find((format) => format === options.output) ?? "table",
    namedOutput: options.output,
    exportFormat: exportFormats.find((format) => format === options.output),
    tenant: namedTenant ?? "default",
    namedTenant,
    call: { signal: io.signal },
  };
}
