export { type Authenticate, createAuthentication } from "./authentication.ts";
export { createNodeFetch, type FetchedResponse, type FetchOptions, type NodeFetch } from "./node-fetch.ts";
