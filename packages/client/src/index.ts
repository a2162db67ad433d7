export {
  type CallOptions,
  type Client,
  type ClientDependencies,
  type ClientOptions,
  createClient,
  type FetchLike,
  type ResponseLike,
} from "./client.ts";
export { listAll } from "./list.ts";
