export * from "./alarm/index.ts";
export {
  type BulkResult,
  type BulkResults,
  bulkResultSchema,
  bulkResultsSchema,
  MOST_BULK_ADDRESSES,
  MOST_BULK_BYTES,
  MOST_BULK_ITEMS,
  type NewClaims,
  newClaimsSchema,
  type Release,
  type Releases,
  releaseSchema,
  releasesSchema,
} from "./bulk.ts";
export {
  type Binding,
  bindingSchema,
  type Claim,
  type ClaimMove,
  type ClaimPatch,
  type ClaimTransfer,
  claimAddressesField,
  claimMoveSchema,
  claimPatchSchema,
  claimSchema,
  claimTransferSchema,
  labelsOfClaim,
  MOST_CLAIM_ADDRESSES,
  type NewClaim,
  type NewTenantClaim,
  networkRetentionSchema,
  newClaimSchema,
  newTenantClaimSchema,
  parseRetention,
  type Retention,
  retentionSchema,
} from "./claim.ts";
export { type Document, documentSchema } from "./document.ts";
export {
  type Endpoint,
  endpointSchema,
  ifIndexField,
  MOST_RUNTIME_ENDPOINT,
  type Transition,
  transitionSchema,
  type Workload,
  workloadSchema,
} from "./endpoint.ts";
export {
  addressField,
  cidrField,
  identityField,
  type Labels,
  labelKeyField,
  labelsField,
  macField,
  mtuField,
  nameField,
  sameLabels,
} from "./fields.ts";
export {
  type FlowEstimate,
  type FlowGroup,
  type FlowKey,
  type FlowSample,
  type FlowSampleDecider,
  type FlowSampleDecision,
  type FlowSeries,
  flowEstimateSchema,
  flowGroupSchema,
  flowKeySchema,
  flowSampleSchema,
  flowSamplesSchema,
  flowSeriesSchema,
  type TopFlows,
  topFlowsSchema,
} from "./flow-answer.ts";
export {
  type CountedAmounts,
  countedAmountsSchema,
  type FlowCounters,
  flowCountersPageSchema,
  flowCountersSchema,
} from "./flow-counters.ts";
export { flowDecisionText, samplesCsv, seriesCsv, topCsv } from "./flow-csv.ts";
export { type FlowDropField, type FlowDrops, flowDropFields, flowDropsSchema } from "./flow-drops.ts";
export {
  type FlowExport,
  type FlowTarget,
  flowExportSchema,
  flowTargetText,
  parseFlowTarget,
  parseFlowTargets,
} from "./flow-export.ts";
export {
  type AttributionShare,
  attributionShareSchema,
  type FlowExporter,
  type FlowListStatus,
  type FlowStatus,
  type FlowStream,
  flowExporterSchema,
  flowListSchema,
  flowStatusSchema,
  flowStreamSchema,
} from "./flow-status.ts";
export {
  type InventoryEndpoint,
  inventoryEndpointSchema,
  type NodeInventory,
  nodeInventorySchema,
} from "./inventory.ts";
export {
  type AddressStory,
  addressStorySchema,
  isRequestId,
  type LedgerEntry,
  type LedgerEvent,
  type LedgerExportLine,
  type LedgerPage,
  ledgerEntrySchema,
  ledgerEventSchema,
  ledgerExportLineSchema,
  ledgerPageSchema,
} from "./ledger.ts";
export {
  type Network,
  type NetworkKind,
  type NetworkPatch,
  type NewNetwork,
  networkKindSchema,
  networkPatchSchema,
  networkSchema,
  newNetworkSchema,
} from "./network.ts";
export {
  addressesOf,
  type BlockRequest,
  type BlockReturn,
  blockRequestSchema,
  blockReturnSchema,
  leaseField,
  type NodeBlock,
  type NodeBlocks,
  type NodeBlockUsage,
  nodeBlockSchema,
  nodeBlocksSchema,
  nodeBlockUsageSchema,
} from "./node-block.ts";
export {
  type BoundEndpoint,
  boundEndpointSchema,
  type NodeFeedMessage,
  nodeFeedMessageSchema,
  type RemoteBlock,
  type RemoteEndpoint,
  remoteBlockSchema,
  remoteEndpointSchema,
  type WiredNetwork,
  wiredNetworkSchema,
} from "./node-feed.ts";
export { type NodeRecord, type NodeReport, nodeRecordSchema, nodeReportSchema } from "./node-record.ts";
export {
  type EndpointReport,
  endpointReportSchema,
  type ReportResults,
  type Reservation,
  type ReservationRequest,
  reportBatchSchema,
  reportResultsSchema,
  reservationRequestSchema,
  reservationSchema,
} from "./node-work.ts";
export {
  type Operation,
  type OperationState,
  operationIdField,
  operationSchema,
  operationStateSchema,
  type Progress,
  progressSchema,
} from "./operation.ts";
export { parsePart } from "./parse-part.ts";
export { checkPhaseChange, isOnWire, type Phase, phaseMayFollow, phaseSchema } from "./phase.ts";
export * from "./policy/index.ts";
export { type Problem, problemOf, problemSchema, problemToError } from "./problem.ts";
export {
  type DirectionQos,
  DSCP_NAMES,
  directionQosSchema,
  type EndpointQos,
  endpointQos,
  endpointQosSchema,
  type NewQosProfile,
  narrower,
  newQosProfileSchema,
  type QosExplanation,
  type QosLimit,
  type QosProfile,
  type QosProfilePatch,
  type QosQuestion,
  qosExplanationSchema,
  qosProfilePatchSchema,
  qosProfileSchema,
} from "./qos-profile.ts";
export {
  type ConflictProbe,
  conflictProbeSchema,
  type FoundConflict,
  foundConflictSchema,
  type QuarantinedAddress,
  quarantinedAddressSchema,
} from "./quarantine.ts";
export { burstText, defaultBurst, parseBurst, parseRate, rateText } from "./rate.ts";
export { fillPath, type Route, type RouteInput, type RouteReply, type RouteRequest } from "./route.ts";
export { type Placement, placementOf, ROUTED_GATEWAYS } from "./routed.ts";
export { alarmRoutes } from "./routes/alarms.ts";
export { collectorRoutes } from "./routes/collector.ts";
export { flowRoutes } from "./routes/flows.ts";
export { type Routes, routes } from "./routes/index.ts";
export {
  type Draining,
  drainingSchema,
  type GroupRange,
  type GroupRanges,
  groupRangeSchema,
  groupRangesSchema,
  isInRange,
  type NewSubnet,
  newSubnetSchema,
  type Range,
  rangeSchema,
  type Subnet,
  type SubnetDrain,
  subnetDrainSchema,
  subnetSchema,
} from "./subnet.ts";
export {
  type NewTenant,
  newTenantSchema,
  type Quotas,
  type QuotasPatch,
  quotasPatchSchema,
  quotasSchema,
  type Tenant,
  type TenantPatch,
  tenantPatchSchema,
  tenantSchema,
} from "./tenant.ts";
export {
  type AddressUsage,
  addressUsageSchema,
  type NetworkUsage,
  networkUsageSchema,
  type SubnetUsage,
  subnetUsageSchema,
  type TenantUsage,
  tenantUsageSchema,
} from "./usage.ts";
export {
  type Difference,
  type DifferenceKind,
  differenceKindSchema,
  differenceSchema,
  type VerificationCounts,
  type VerificationMessage,
  verificationMessageSchema,
} from "./verification.ts";
export { type ResourceKind, resourceKindSchema, type WatchEvent, watchEventSchema } from "./watch.ts";
export type {
  AttachedInterface,
  AttachmentInfo,
  AttachRequest,
  PublishedPort,
  ReservedAddresses,
  ReserveRequest,
  WorkloadApi,
} from "./workload-api.ts";
