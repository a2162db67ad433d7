import { type Clock, isHoldfastError, Name } from "@holdfast/core";
import { newClaimSchema, type Phase, reservationRequestSchema } from "@holdfast/model";
import type { Engine } from "../engine.ts";
import type { BulkAction } from "./book-bulk.ts";
import type { Answer, BookModel } from "./book-model.ts";
import type { Action } from "./book-steps.ts";
import { claimName, OPERATOR, TENANT } from "./engine-harness.ts";

const WEB = Name.parse("web");

/** One item in one request. */
export type SingleAction = Exclude<Action, BulkAction>;

/** A refusal's code, a report's outcome, the addresses that were given, or `"done"`. */
export type Answered = string | readonly string[];

/** Endpoints as they were before the request, by id. */
export type KnownEndpoints = ReadonlyMap<string, { readonly node: string; readonly epoch: number }>;

export interface Expected {
  readonly answer: Answer;
  /** Whose claim is made or bound. */
  readonly identity: string;
}

/** The request by the rules. */
export function expectSingle(model: BookModel, action: SingleAction, known: KnownEndpoints): Expected {
  switch (action.kind) {
    case "claim":
      return { answer: model.claim(action.identity, action.addresses, action.retention), identity: action.identity };
    case "release":
      return { answer: model.release(action.identity), identity: "" };
    case "keep":
      return { answer: model.keep(action.identity, action.retention), identity: "" };
    case "move":
      return { answer: model.move(action.identity, action.node, action.force), identity: "" };
    case "reserve":
      return model.reserve(action.node, action.endpoint, action.wish);
    case "report": {
      const { node, epoch } = reporterOf(action, known);
      return { answer: model.report(node, action.endpoint, epoch, action.phases), identity: "" };
    }
    case "cutOff":
      return { answer: model.cutOff(action.endpoint), identity: "" };
    case "beat":
      return { answer: model.hear(action.node), identity: "" };
  }
}

/** The request to the real thing. */
export async function doSingle(
  engine: Engine,
  clock: Clock,
  action: SingleAction,
  known: KnownEndpoints,
): Promise<Answered> {
  try {
    return await perform(engine, clock, action, known);
  } catch (error) {
    if (isHoldfastError(error) && error.code !== "internal") return error.code;
    throw error;
  }
}

async function perform(
  { nouns }: Engine,
  clock: Clock,
  action: SingleAction,
  known: KnownEndpoints,
): Promise<Answered> {
  const { claims, reservations, reports, endpoints, nodes } = nouns;
  switch (action.kind) {
    case "claim": {
      const { kind: _, ...body } = action;
      return (await claims.create(TENANT, WEB, newClaimSchema.parse(body), OPERATOR)).addresses;
    }
    case "release":
      await claims.release(claimName("web", action.identity), OPERATOR);
      return "done";
    case "keep":
      await claims.update(claimName("web", action.identity), { retention: action.retention }, OPERATOR);
      return "done";
    case "move": {
      const node = action.node === undefined ? undefined : Name.parse(action.node);
      await claims.move(claimName("web", action.identity), { node, force: action.force }, OPERATOR);
      return "done";
    }
    case "reserve": {
      const { endpoint, wish } = action;
      const workload = { runtime: "docker" };
      const body = reservationRequestSchema.parse({ tenant: "default", network: "web", endpoint, workload, ...wish });
      return (await reservations.reserve(Name.parse(action.node), body)).endpoint.addresses;
    }
    case "report": {
      const { node, epoch } = reporterOf(action, known);
      const at = clock.now().toISOString();
      const transitions = action.phases.map((phase) => ({ phase: phase as Phase, at, actor: `node/${node}` }));
      const [result] = await reports.report(Name.parse(node), [{ endpoint: action.endpoint, epoch, transitions }]);
      return result?.outcome ?? "nothing";
    }
    case "cutOff":
      await endpoints.delete(action.endpoint, OPERATOR);
      return "done";
    case "beat":
      await nodes.report(Name.parse(action.node), { version: "1.0", labels: {} });
      return "done";
  }
}

/** Decided before the action changes what there is. */
function reporterOf({ node, endpoint, behind }: SingleAction & { readonly kind: "report" }, known: KnownEndpoints) {
  const present = known.get(endpoint);
  return { node: node ?? present?.node ?? "h1", epoch: Math.max(1, (present?.epoch ?? 1) - behind) };
}
