/** What one LLM call was about, whatever its dialect. */
export interface Turn {
  /** All that the request tells, in its order. */
  readonly conversation: readonly Told[];
  readonly answered: readonly Answered[];
}

/** `said`: by the model itself, in an earlier turn. */
export type Told = Given | { readonly kind: 'said'; readonly answer: Answered };

export type Given =
  | { readonly kind: 'message'; readonly role: string; readonly text: string }
  /** Of the tool call of that id. */
  | { readonly kind: 'result'; readonly callId: string; readonly text: string };

export type Answered =
  | { readonly kind: 'text'; readonly text: string }
  /** As far as the provider shows it. */
  | { readonly kind: 'thought'; readonly text: string }
  | { readonly kind: 'tool'; readonly callId: string; readonly name: string; readonly input: string };

/** What the model was told by others. */
export function givenIn({ conversation }: Turn): Given[] {
  return conversation.filter((told) => told.kind !== 'said');
}

export function asSaid(answers: readonly Answered[]): Told[] {
  return answers.map((answer) => ({ kind: 'said', answer }));
}
