/** Over whose API a model is asked. */
export type ModelProvider = 'openai' | 'anthropic';

export interface ModelRef {
  /** As its provider calls it: `gpt-5-mini`. */
  readonly name: string;
  readonly provider: ModelProvider;
}

/**
 * A model as requests name it. LiteLLM's users put the provider before it (`openai/gpt-5-mini`), others give it beside it.
 * A Claude beside which `openai` stands is Anthropic's all the same: the existing client sends that with every model.
 */
export function readModel(text: string, givenProvider?: string | null): ModelRef {
  const [, prefix, name] = /^(openai|anthropic)\/(.+)$/.exec(text) ?? [];
  const said = prefix ?? (/^claude/i.test(text) ? 'anthropic' : givenProvider?.toLowerCase());
  return { name: name ?? text, provider: said === 'anthropic' ? 'anthropic' : 'openai' };
}
