import { describe, expect, test } from "vitest";
import { Metrics } from "./metrics.ts";

describe("metrics", () => {
  test("print as Prometheus reads them", () => {
    const metrics = new Metrics();
    metrics.add("requests_total", 'route="getClaim",status="200"');
    metrics.add("requests_total", 'route="getClaim",status="200"', 2);
    metrics.set("nodes", 'state="ready"', 3);
    metrics.observe("getClaim", 0.004);
    metrics.observe("getClaim", 7);
    expect(String(metrics)).toMatchInlineSnapshot(`
      "# HELP holdfast_controller_requests_total HTTP requests by operation and status.
      # TYPE holdfast_controller_requests_total counter
      holdfast_controller_requests_total{route="getClaim",status="200"} 3
      # HELP holdfast_controller_request_seconds Time from a request's last byte to its reply, by operation.
      # TYPE holdfast_controller_request_seconds histogram
      holdfast_controller_request_seconds_bucket{route="getClaim",le="0.001"} 0
      holdfast_controller_request_seconds_bucket{route="getClaim",le="0.0025"} 0
      holdfast_controller_request_seconds_bucket{route="getClaim",le="0.005"} 1
      holdfast_controller_request_seconds_bucket{route="getClaim",le="0.01"} 1
      holdfast_controller_request_seconds_bucket{route="getClaim",le="0.025"} 1
      holdfast_controller_request_seconds_bucket{route="getClaim",le="0.05"} 1
      holdfast_controller_request_seconds_bucket{route="getClaim",le="0.1"} 1
      holdfast_controller_request_seconds_bucket{route="getClaim",le="0.25"} 1
      holdfast_controller_request_seconds_bucket{route="getClaim",le="0.5"} 1
      holdfast_controller_request_seconds_bucket{route="getClaim",le="1"} 1
      holdfast_controller_request_seconds_bucket{route="getClaim",le="2.5"} 1
      holdfast_controller_request_seconds_bucket{route="getClaim",le="+Inf"} 2
      holdfast_controller_request_seconds_sum{route="getClaim"} 7.004
      holdfast_controller_request_seconds_count{route="getClaim"} 2
      # HELP holdfast_controller_requests Requests of tenants by state: working, or waiting for their turn.
      # TYPE holdfast_controller_requests gauge
      # HELP holdfast_controller_commits_total Changes that were committed.
      # TYPE holdfast_controller_commits_total counter
      # HELP holdfast_controller_commit_conflicts_total Tries of a change that another change overtook.
      # TYPE holdfast_controller_commit_conflicts_total counter
      # HELP holdfast_controller_expired_total What ran out: claims, rests of released addresses, reservations.
      # TYPE holdfast_controller_expired_total counter
      # HELP holdfast_controller_differences_found_total Differences between the address book and the world that were seen for the first time, by kind.
      # TYPE holdfast_controller_differences_found_total counter
      # HELP holdfast_controller_differences_repaired_total Differences that were proven and repaired, by kind.
      # TYPE holdfast_controller_differences_repaired_total counter
      # HELP holdfast_controller_feeds Open node feeds.
      # TYPE holdfast_controller_feeds gauge
      # HELP holdfast_controller_feeds_dropped_total Node feeds that were cut off because their reader was too slow.
      # TYPE holdfast_controller_feeds_dropped_total counter
      # HELP holdfast_controller_refusals_dropped_total Refusals that came too fast to be noted in the ledger.
      # TYPE holdfast_controller_refusals_dropped_total counter
      # HELP holdfast_controller_watches Open watches.
      # TYPE holdfast_controller_watches gauge
      # HELP holdfast_controller_revision Revision up to which the controller has seen the store.
      # TYPE holdfast_controller_revision gauge
      # HELP holdfast_controller_tenants Tenants.
      # TYPE holdfast_controller_tenants gauge
      # HELP holdfast_controller_networks Networks.
      # TYPE holdfast_controller_networks gauge
      # HELP holdfast_controller_claims Claims.
      # TYPE holdfast_controller_claims gauge
      # HELP holdfast_controller_network_addresses Addresses by network, family and state; of the 500 networks with the most claimed addresses.
      # TYPE holdfast_controller_network_addresses gauge
      # HELP holdfast_controller_tenant_quota Limit and use of the quotas of tenants that have any; of at most 500 tenants.
      # TYPE holdfast_controller_tenant_quota gauge
      # HELP holdfast_controller_endpoints Endpoints.
      # TYPE holdfast_controller_endpoints gauge
      # HELP holdfast_controller_nodes Nodes by state.
      # TYPE holdfast_controller_nodes gauge
      holdfast_controller_nodes{state="ready"} 3
      "
    `);
  });
});
