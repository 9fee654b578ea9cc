import type { PromptTemplate } from '../model/rollout.ts';

/** Stands for the task's own instruction; evaluation scripts around the existing client send nothing else. */
const taskPlaceholder = '{task}';

/** What the agent is asked to do: the request's own sections in order, else the task's. null: nothing says. */
export function instructionOf(template: PromptTemplate | null | undefined, own: string | null): string | null {
  const sections = (template?.sections ?? []).toSorted((a, b) => (a.order ?? 0) - (b.order ?? 0));
  const text = sections
    .map((section) => section.content ?? section.pattern ?? '')
    .map((part) => (part.trim() === taskPlaceholder ? (own ?? '') : part))
    .filter((part) => part.trim() !== '')
    .join('\n\n');
  return text === '' ? own : text;
}
