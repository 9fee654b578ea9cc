import type { CallRecord } from '../../model/call.ts';
import type { JsonObject } from '../../model/json.ts';
import type { PlannedStep } from './planned-step.ts';

/** A trajectory before it is written. */
export interface PlannedTrajectory {
  readonly id: string;
  readonly model: string | null;
  readonly tools: readonly JsonObject[];
  readonly steps: readonly PlannedStep[];
  /** Its own ones: those of its steps, and of an attempt those that made no step. */
  readonly calls: readonly CallRecord[];
  readonly extra: JsonObject;
  readonly subagents: PlannedTrajectory[];
}
