/**
 * What an agent does, as its own output tells it while it works; the same for all agents, and in the words of the API.
 * Texts are as the agent printed
 * them, uncut. What it says of tokens and cost is not in here: the interceptor's record of its calls is.
 */
export type AgentEvent = AgentAct & {
  /** The sub-agent that did it, by the id that its agent gave it; absent: the agent itself. */
  readonly sub_agent?: string;
};

export type AgentAct =
  /** The session in which the agent works; by its id it can be taken up again. */
  | { readonly type: 'session'; readonly session_id: string }
  | { readonly type: 'message'; readonly text: string }
  | { readonly type: 'reasoning'; readonly text: string }
  /** `input`: the command of a shell, else the arguments as JSON. */
  | { readonly type: 'tool_call'; readonly call_id: string; readonly tool: string; readonly input: string }
  | {
      readonly type: 'tool_result';
      readonly call_id: string;
      readonly output: string;
      /** null: it is no command, or the agent does not tell. */
      readonly exit_code: number | null;
      readonly failed: boolean;
    }
  | { readonly type: 'file_change'; readonly path: string; readonly change: 'added' | 'changed' | 'deleted' }
  | { readonly type: 'plan'; readonly steps: readonly { readonly text: string; readonly done: boolean }[] }
  /** The agent asks its model again. */
  | { readonly type: 'retry'; readonly message: string }
  /** A remark, also one that the agent calls an error and goes on after. */
  | { readonly type: 'notice'; readonly message: string }
  | { readonly type: 'end'; readonly reason: 'completed' | 'failed'; readonly message: string | null };
