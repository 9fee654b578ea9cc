import { z } from 'zod';
import type { Json } from '../../model/json.ts';
import type { TokenData } from './schema.ts';

const ids = z.array(z.int()).nullish().catch(null);
const logprobs = z.array(z.object({ logprob: z.number() }));

const chatSchema = z.object({
  prompt_token_ids: ids,
  choices: z
    .array(
      z.object({
        token_ids: ids,
        logprobs: z.object({ content: logprobs.nullish() }).nullish().catch(null),
      }),
    )
    .min(1),
});

const responsesSchema = z.object({
  output: z.array(
    z.object({
      content: z
        .array(z.object({ logprobs: logprobs.nullish().catch(null) }))
        .nullish()
        .catch(null),
    }),
  ),
});

/**
 * Token ids and log-probabilities of an answer: vLLM's `prompt_token_ids` and `choices[].token_ids`
 * (https://blog.vllm.ai/2025/10/22/agent-lightning.html), and OpenAI's `logprobs` in either dialect. Those of the first
 * choice, which is the one that agents take.
 */
export function tokenData(response: Json | null): TokenData {
  const chat = chatSchema.safeParse(response).data;
  const [choice] = chat?.choices ?? [];
  if (chat && choice) return present(chat.prompt_token_ids, choice.token_ids, choice.logprobs?.content);
  const output = responsesSchema.safeParse(response).data?.output ?? [];
  const parts = output.flatMap(({ content }) => content ?? []);
  return present(
    null,
    null,
    parts.flatMap((part) => part.logprobs ?? []),
  );
}

function present(
  promptIds: readonly number[] | null | undefined,
  completionIds: readonly number[] | null | undefined,
  tokens: readonly { readonly logprob: number }[] | null | undefined,
): TokenData {
  return {
    ...(promptIds && promptIds.length > 0 && { prompt_token_ids: promptIds }),
    ...(completionIds && completionIds.length > 0 && { completion_token_ids: completionIds }),
    ...(tokens && tokens.length > 0 && { logprobs: tokens.map(({ logprob }) => logprob) }),
  };
}

export function isEmpty(data: TokenData): boolean {
  return Object.keys(data).length === 0;
}
