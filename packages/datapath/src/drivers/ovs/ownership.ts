import { MacAddress } from "@holdfast/core";

/** Key in `external_ids` of every bridge, port and interface of ours; the value is the node's name. */
export const OWNER = "holdfast";
/** Key in `external_ids` of the interface of an endpoint; the value is the endpoint's id. For people: the link's alias decides. */
export const OWNER_ENDPOINT = "holdfast-endpoint";

/** MAC of the integration bridge's local port, which carries nothing. */
export const LOCAL_HARDWARE_ADDRESS = MacAddress.parse("0e:68:66:00:00:02");
