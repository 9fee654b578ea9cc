import { z } from 'zod';
import { batchEventListSchema, batchEventSchema } from '../../model/batch-event-responses.ts';
import { batchRequestSchema, concurrencyBodySchema, retryBodySchema } from '../../model/batch.ts';
import {
  batchListSchema,
  batchResultSchema,
  batchResultsSchema,
  batchSchema,
  batchSummarySchema,
} from '../../model/batch-responses.ts';
import { buildDeploymentSchema, createDeploymentSchema } from '../../model/deployment.ts';
import {
  buildListSchema,
  buildSchema,
  buildStartedSchema,
  deploymentListSchema,
  deploymentSchema,
  deploymentStatusSchema,
  deploymentSummarySchema,
} from '../../model/deployment-responses.ts';
import { eventListSchema, eventSchema } from '../../model/event-responses.ts';
import { gcReportSchema, gcRequestSchema } from '../../model/garbage.ts';
import {
  createInstancesSchema,
  instanceListSchema,
  instancesBuildSchema,
  instancesCreatedSchema,
} from '../../model/instance.ts';
import { type JsonObject, jsonSchema } from '../../model/json.ts';
import { batchLedgerSchema, ledgerLineSchema } from '../../model/ledger-responses.ts';
import { limits } from '../../model/limits.ts';
import {
  acceptedComparisonSchema,
  acceptedSchema,
  artifactListSchema,
  callSummarySchema,
  comparisonSchema,
  endedSchema,
  problemSchema,
  refusedRolloutSchema,
  rolloutListSchema,
  rolloutSchema,
  startedSchema,
  traceSchema,
  unrewardedSchema,
  usageSchema,
} from '../../model/responses.ts';
import { globalRolloutRequestSchema, rolloutBodySchema } from '../../model/rollout.ts';
import { livenessSchema, readinessSchema, serviceSchema } from '../../model/service-responses.ts';
import { trajectorySchema } from '../../trace/atif/zod-schema.ts';
import { sizeText } from '../intake/refusal.ts';
import { componentsOf, type NamedSchemas, refTo } from './json-schema.ts';

/** The field that is taken out of a body while it is received. */
const contextField = {
  context_tar_base64: z
    .base64()
    .nullish()
    .describe(
      `The build context: a tar.gz of at most ${sizeText(limits.contextBytes)}, as base64. Absent: an empty one.`,
    ),
};
export const createDeploymentBody = createDeploymentSchema.extend(contextField);
export const buildDeploymentBody = buildDeploymentSchema.extend(contextField);

const shared: NamedSchemas = { Json: jsonSchema };

const requests: NamedSchemas = {
  ...shared,
  CreateDeployment: createDeploymentBody,
  BuildDeployment: buildDeploymentBody,
  CreateInstances: createInstancesSchema,
  GcRequest: gcRequestSchema,
  RolloutRequest: rolloutBodySchema,
  BatchRequest: batchRequestSchema,
  BatchConcurrency: concurrencyBodySchema,
  BatchRetry: retryBodySchema,
  GlobalRolloutRequest: globalRolloutRequestSchema,
};

const answers: NamedSchemas = {
  ...shared,
  Problem: problemSchema,
  Deployment: deploymentSchema,
  DeploymentSummary: deploymentSummarySchema,
  DeploymentStatus: deploymentStatusSchema,
  DeploymentList: deploymentListSchema,
  Build: buildSchema,
  BuildStarted: buildStartedSchema,
  BuildList: buildListSchema,
  InstanceList: instanceListSchema,
  InstancesCreated: instancesCreatedSchema,
  InstancesBuild: instancesBuildSchema,
  Rollout: rolloutSchema,
  Usage: usageSchema,
  Call: callSummarySchema,
  UnrewardedRollout: unrewardedSchema,
  RefusedRollout: refusedRolloutSchema,
  RolloutAccepted: acceptedSchema,
  Comparison: comparisonSchema,
  ComparisonAccepted: acceptedComparisonSchema,
  Ended: endedSchema,
  Started: startedSchema,
  RolloutList: rolloutListSchema,
  Batch: batchSchema,
  BatchSummary: batchSummarySchema,
  BatchList: batchListSchema,
  BatchResult: batchResultSchema,
  BatchResults: batchResultsSchema,
  BatchLedger: batchLedgerSchema,
  BatchLedgerLine: ledgerLineSchema,
  BatchEvent: batchEventSchema,
  BatchEventList: batchEventListSchema,
  Event: eventSchema,
  EventList: eventListSchema,
  Trace: traceSchema,
  Trajectory: trajectorySchema,
  ArtifactList: artifactListSchema,
  GcReport: gcReportSchema,
  Service: serviceSchema,
  Liveness: livenessSchema,
  Readiness: readinessSchema,
};

/** The named schemas of everything that is sent and answered. */
export function components(): JsonObject {
  return { ...componentsOf(requests, 'input'), ...componentsOf(answers, 'output') };
}

/** A reference to a schema that has a name here; every body has to have one. */
export function reference(schema: z.ZodType): JsonObject {
  const [name] = Object.entries({ ...requests, ...answers }).find(([, named]) => named === schema) ?? [];
  if (name === undefined) throw new Error('a body of the API has a schema without a name in openapi/components.ts');
  return { $ref: refTo(name) };
}
