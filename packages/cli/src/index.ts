export type { CliIo } from "./io.ts";
export { type ExitCode, type ProgramExtension, runCli } from "./program.ts";
