import { agentLogId } from '../model/ids.ts';
import type { SessionResume } from '../model/resume.ts';
import type { CommandEnd } from '../sandboxes/provider.ts';
import { agentCalls } from './agent-failure.ts';
import { type AgentSession, type SessionCommand, type Stopped, stopAgent } from './agent-follow.ts';
import { cutOffBy } from './cut-off.ts';
import type { ActivityDeps } from './deps.ts';
import { agentCommandId, harborFolder } from './sandbox-layout.ts';
import { hasToStop } from './standing.ts';
import { firstChange } from './tar-files.ts';

/** In every line that says so. */
export const resumeMark = 'the session is taken up again ---\n';

/** Whether a fault of Harbor's is why it ended; it may also be cancelled while that is found out. */
export async function judgeEnd(
  { deps, row, scope }: AgentSession,
  { id }: SessionCommand,
  end: CommandEnd,
): Promise<{ readonly cutOff?: string | undefined; readonly stopped?: Stopped }> {
  if (end.kind === 'cut-off' || end.exitCode === 0 || (end.oomKills ?? 0) > 0) return {};
  const { store, interceptor } = deps;
  const { rolloutId, attempt } = row;
  scope.report('asking whether the agent was cut off');
  try {
    await interceptor.settle(rolloutId, attempt, scope.signal);
    const at = await exitedAt(deps, row.sandboxName, id, scope.signal);
    const absences = await interceptor.absences(rolloutId, attempt);
    return { cutOff: cutOffBy({ at, absences, calls: await agentCalls(store, row) }) };
  } catch (error) {
    if (!(await hasToStop(deps.client, scope))) throw error;
    await stopAgent(deps, row);
    return { stopped: 'cancelled' };
  }
}

/** By the time of the file that holds its exit code. */
async function exitedAt(
  { provider }: ActivityDeps,
  sandbox: string,
  commandId: string,
  signal: AbortSignal,
): Promise<Date> {
  const tar = await provider.get(sandbox, `${harborFolder}/${commandId}/exit`, signal);
  return (tar && (await firstChange(tar))) ?? new Date();
}

/** Undefined where the agent has no session that could be taken up. */
export async function planResume(
  { deps, rollout, row, output }: AgentSession,
  known: number,
  reason: string,
): Promise<SessionResume | undefined> {
  const agent = deps.agents.byName(rollout.plan.agent.name);
  if (!agent) return undefined;
  await output.flush();
  const read = agent.output();
  const head = await deps.store.logs.read(agentLogId(row.rolloutId, row.attempt), 0);
  const events = head
    .toString('utf8')
    .split('\n')
    .flatMap((line) => read(line) ?? []);
  const session = events.find((event) => event.type === 'session');
  if (!session) return undefined;
  const broken = output.tail === '' || output.tail.endsWith('\n') ? '' : '\n';
  const mark = `${broken}--- cut off by a fault of Harbor's: ${reason}; ${resumeMark}`;
  return {
    command: `${agentCommandId}-${known + 2}`,
    sessionId: session.session_id,
    reason,
    at: new Date().toISOString(),
    mark,
    offset: output.length + Buffer.byteLength(mark),
  };
}
