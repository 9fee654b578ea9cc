import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';

/** By these, workflows can be found and sorted in the Temporal UI. The set-up of the server makes them. */
export const searchAttributes = {
  deployment: defineSearchAttributeKey('HarborDeployment', SearchAttributeType.KEYWORD),
  batch: defineSearchAttributeKey('HarborBatch', SearchAttributeType.KEYWORD),
  agent: defineSearchAttributeKey('HarborAgent', SearchAttributeType.KEYWORD),
  model: defineSearchAttributeKey('HarborModel', SearchAttributeType.KEYWORD),
  status: defineSearchAttributeKey('HarborStatus', SearchAttributeType.KEYWORD),
  reward: defineSearchAttributeKey('HarborReward', SearchAttributeType.DOUBLE),
};
