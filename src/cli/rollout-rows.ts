import { errorText } from '../model/errors.ts';
import type { RolloutResponse } from '../model/responses.ts';
import { count, counted, duration, money, reward } from './format.ts';
import type { LiveRow } from './live.ts';
import { type Paint, paintStatus } from './output.ts';
import { type Column, table } from './table.ts';
import { hasEnded, type TrackedRollout } from './tracked-rollouts.ts';

/** What a phase is called while it lasts. */
const phases: Readonly<Record<string, string>> = {
  waiting: 'waiting',
  starting: 'starting',
  queued: 'queued',
  provisioning: 'making its sandbox',
  running: 'agent at work',
  evaluating: 'tests running',
};

/** One line per rollout: seed, phase, seconds, calls, tokens, and its reward once it has one. */
export function rolloutRow(rollout: TrackedRollout, paint: Paint): LiveRow {
  const { id, seed, policy, state, latest } = rollout;
  const head = `  seed ${String(seed).padStart(3)}  ${policy ? `${policy.label}  ` : ''}`;
  const minor = state === 'waiting' || state === 'queued';
  if (state === 'refused') {
    return { key: id, state, text: `${head}${paint('red', 'refused')}  ${errorText(rollout.error)}` };
  }
  const ended = hasEnded(rollout);
  const word = (ended ? state : (phases[state] ?? state)).padEnd('making its sandbox'.length);
  const seconds = ended ? latest?.timings.total_s : secondsSince(rollout.startedAt);
  const parts = [paintStatus(paint, state, word), minor && !seconds ? '' : duration(seconds).padStart(6)];
  if (latest && latest.usage.llm_calls > 0) {
    const { llm_calls: calls, input_tokens: input, output_tokens: output } = latest.usage;
    parts.push(counted(calls, 'call').padStart(8), `${count(input + output)} tokens`.padStart(14));
  }
  if (ended && latest) parts.push(verdict(latest, paint));
  const news = state === 'waiting' || state === 'starting' ? undefined : state;
  return { key: id, state: news, minor, text: head + parts.join('  ') };
}

function secondsSince(start: number | undefined): number | undefined {
  return start === undefined ? undefined : (performance.now() - start) / 1000;
}

function verdict({ reward_info: { outcome_reward: earned }, failure }: RolloutResponse, paint: Paint): string {
  if (earned === null) return failure?.class === 'cancelled' ? '' : paint('red', failure?.class ?? 'no reward');
  return paint(earned > 0 ? 'green' : 'yellow', `reward ${reward(earned)}`);
}

type Shown = Pick<
  RolloutResponse,
  'id' | 'seed' | 'agent' | 'model' | 'status' | 'reward_info' | 'failure' | 'usage' | 'timings'
>;

type RolloutColumn = Column & { readonly cell: (rollout: Shown, paint: Paint) => string };

const columns: readonly RolloutColumn[] = [
  { heading: 'SEED', right: true, cell: ({ seed }) => (seed === null ? '-' : String(seed)) },
  { heading: 'AGENT', cell: ({ agent }) => agent },
  { heading: 'MODEL', cell: ({ model }) => model ?? '-' },
  { heading: 'STATUS', cell: ({ status }, paint) => paintStatus(paint, status) },
  {
    heading: 'REWARD',
    right: true,
    cell: ({ reward_info: { outcome_reward: earned } }, paint) => points(earned, paint),
  },
  { heading: 'LLM CALLS', right: true, cell: ({ usage }) => count(usage.llm_calls) },
  { heading: 'TOKENS IN', right: true, cell: ({ usage }) => count(usage.input_tokens) },
  { heading: 'OUT', right: true, cell: ({ usage }) => count(usage.output_tokens) },
  { heading: 'COST', right: true, cell: ({ usage }) => money(usage.cost_usd) },
  { heading: 'AGENT TIME', right: true, cell: ({ timings }) => duration(timings.agent_s) },
  { heading: 'TOTAL', right: true, cell: ({ timings }) => duration(timings.total_s) },
  { heading: 'ROLLOUT', cell: ({ id }) => id },
];

/** What rollouts came to, a line each. Their models are named where they differ. */
export function rolloutTable(rollouts: readonly Shown[], paint: Paint): string[] {
  const differ = new Set(rollouts.map(({ model }) => model)).size > 1;
  const shown = columns.filter(({ heading }) => heading !== 'MODEL' || differ);
  return table(
    shown,
    rollouts.map((rollout) => shown.map(({ cell }) => cell(rollout, paint))),
    paint,
  );
}

function points(earned: number | null, paint: Paint): string {
  return earned === null ? paint('red', '-') : paint(earned > 0 ? 'green' : 'yellow', reward(earned));
}
