import type { QosProfile } from "@holdfast/model";
import type { Nouns } from "../nouns.ts";
import type { Platform } from "../platform.ts";
import { pageOfPrefix } from "../reading/lists.ts";
import type { Handlers } from "./handlers.ts";
import { labelled, objectOf } from "./reading-entries.ts";

/** What answers about QoS. */
export function createQosHandlers(
  { store }: Platform,
  { qosProfiles, qosChoice }: Nouns,
): Pick<Handlers, Extract<keyof Handlers, `${string}Qos${string}`>> {
  return {
    createQosProfile: ({ params, body }, caller) => qosProfiles.create(params.tenant, body, caller),
    getQosProfile: ({ params }) => qosProfiles.get(params.tenant, params.profile),
    updateQosProfile: ({ params, body }, caller) => qosProfiles.update(params.tenant, params.profile, body, caller),
    deleteQosProfile: ({ params }, caller) => qosProfiles.delete(params.tenant, params.profile, caller),
    listQosProfiles: ({ query }) => {
      const prefix = query.tenant === undefined ? "qos-profiles/" : `qos-profiles/${query.tenant}/`;
      const read = labelled(query.selector, (entry) => objectOf<QosProfile>(entry));
      return pageOfPrefix(store, prefix, query, read);
    },
    explainQos: ({ body }) => qosChoice.explain(body),
  };
}
