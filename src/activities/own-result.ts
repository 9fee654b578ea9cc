import { z } from 'zod';
import { type JsonObject, jsonObjectSchema, tryParseJson } from '../model/json.ts';

/** What an image's own entrypoint answers, in the shapes that the existing runners write. */
const resultSchema = z.looseObject({
  reward_info: z.looseObject({ outcome_reward: z.number().nullish(), details: jsonObjectSchema.nullish() }).nullish(),
  metrics: z
    .looseObject({
      outcome_reward: z.number().nullish(),
      reward_mean: z.number().nullish(),
      details: jsonObjectSchema.nullish(),
    })
    .nullish(),
  error: z.string().nullish(),
});

export interface OwnResult {
  /** null: it gave no number. */
  readonly reward: number | null;
  readonly error: string | null;
  /** What it says besides, where callers of the existing client look for it; all of it where nothing is marked so. */
  readonly details: JsonObject;
}

/** Reads result.json. On stdio a runner may have printed before its answer: the last line that is JSON counts. */
export function ownResultOf(text: string): OwnResult | undefined {
  for (const candidate of [text, ...text.trim().split('\n').toReversed().slice(0, 20)]) {
    const raw = tryParseJson(candidate, jsonObjectSchema);
    if (raw === undefined) continue;
    const parsed = resultSchema.safeParse(raw);
    if (!parsed.success) continue;
    const { reward_info, metrics, error } = parsed.data;
    const reward = reward_info?.outcome_reward ?? metrics?.outcome_reward ?? metrics?.reward_mean ?? null;
    return {
      reward: reward !== null && Number.isFinite(reward) ? reward : null,
      error: error ?? null,
      details: reward_info?.details ?? metrics?.details ?? raw,
    };
  }
  return undefined;
}
