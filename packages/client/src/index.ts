export { type CallOptions, type Client, type ClientDependencies, type ClientOptions, createClient } from "./client.ts";
export { listAll } from "./list.ts";
