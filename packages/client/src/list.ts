import type { Route, RouteInput } from "@holdfast/model";
import type { CallOptions, Client } from "./client.ts";

interface PageLike<T> {
  readonly items: readonly T[];
  readonly revision: number;
  readonly continue?: string | undefined;
}

type ItemOf<R extends Route> = R["reply"] extends { _output: { items: (infer T)[] } } ? T : never;

/** Every item of a paged list, page after page. */
export async function* listAll<R extends Route>(
  client: Client,
  route: R,
  input: RouteInput<R>,
  options: CallOptions,
): AsyncIterable<ItemOf<R>> {
  let next: string | undefined;
  do {
    const query = {
      limit: 1000,
      ...(input as { query?: object }).query,
      ...(next === undefined ? {} : { continue: next }),
    };
    const page = (await client.call(route, { ...(input as object), query } as RouteInput<R>, options)) as PageLike<
      ItemOf<R>
    >;
    yield* page.items;
    next = page.continue;
  } while (next !== undefined);
}
