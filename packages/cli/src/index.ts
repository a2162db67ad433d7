export type { Context } from "./context.ts";
export { type CommandDefinition, type CommandOptions, flag, text, texts } from "./define-command.ts";
export type { CliIo } from "./io.ts";
export { parseMoment } from "./moment.ts";
export { printList, printObject } from "./output/print.ts";
export { addNoun, type ExitCode, type ProgramExtension, runCli } from "./program.ts";
