import { HarborError } from '../model/errors.ts';
import type { SessionResume } from '../model/resume.ts';
import type { CommandEnd } from '../sandboxes/provider.ts';
import type { AttemptRow } from '../store/attempts.ts';
import { prepareAgent, prepareResume } from './agent-command.ts';
import { type AgentSession, followCommand, type SessionCommand, type Stopped, whatIsLeft } from './agent-follow.ts';
import { judgeEnd, planResume } from './agent-resume.ts';
import type { AttemptOutput } from './attempt-output.ts';
import { agentCommandId } from './sandbox-layout.ts';
import { tarOfFiles } from './tar-files.ts';

/** Sessions that a fault of Harbor's cuts off again and again end as failures in the end. */
const mostResumes = 3;

/** What an agent's work in one attempt came to, whatever number of commands it took. */
export interface SessionEnd {
  readonly end: CommandEnd;
  readonly stopped: Stopped;
  /** The fault of Harbor's that cut it off for good. */
  readonly cutOff: string | undefined;
  readonly resumes: readonly SessionResume[];
}

/**
 * Follows the agent's first command and, where a fault of Harbor's cut it off, those that take its session up again in the
 * same sandbox, under the same token: what it had paid for is not paid twice. Each command is written down before it is
 * started, so that whatever worker comes next goes on with it.
 */
export async function followSession(session: AgentSession): Promise<SessionEnd> {
  const { deps, output, scope } = session;
  const { rolloutId, attempt } = session.row;
  let { row } = session;
  let stopped: Stopped;
  for (let known = 0; ; known += 1) {
    const next = row.resumes[known];
    await markResume(output, row.resumes[known - 1]);
    // Read to its end before the next one was written down.
    if (next && output.length >= next.offset - Buffer.byteLength(next.mark)) continue;
    const command = commandOf(session, row, known);
    const following = { ...session, row };
    if (known > 0 && !stopped) await putFiles(following, command);
    const followed = stopped
      ? { end: await whatIsLeft(following, command), stopped }
      : await followCommand(following, command);
    ({ stopped } = followed);
    if (next) continue;
    const judged = stopped ? { stopped } : await judgeEnd(session, command, followed.end);
    stopped ??= judged.stopped;
    const resume =
      judged.cutOff !== undefined && known < mostResumes && (await planResume(session, known, judged.cutOff));
    const moved = resume && (await deps.store.attempts.resumeAgent(rolloutId, attempt, known, resume));
    if (moved) {
      scope.report(`taking up the session again: ${resume.reason}`);
      row = moved;
      continue;
    }
    const ended = await deps.store.attempts.endAgent(rolloutId, attempt, known);
    if (ended) return { end: followed.end, stopped, cutOff: judged.cutOff, resumes: ended.resumes };
    // Another worker has taken it up meanwhile.
    row = (await deps.store.attempts.find(rolloutId, attempt)) ?? row;
    if (row.endedAt || row.resumes.length <= known) {
      throw new HarborError('cancelled', `attempt ${attempt} of rollout ${rolloutId} has ended`);
    }
  }
}

/** Reads what an agent left in a sandbox that may be stopped, from all of its commands. */
export async function salvageSession(
  { deps, row, output }: Pick<AgentSession, 'deps' | 'row' | 'output'>,
  read: (commandId: string) => Promise<Buffer | undefined>,
): Promise<void> {
  const now = (await deps.store.attempts.find(row.rolloutId, row.attempt)) ?? row;
  for (let known = 0; known <= now.resumes.length; known += 1) {
    const resume = now.resumes[known - 1];
    await markResume(output, resume);
    const written = await read(resume?.command ?? agentCommandId);
    const have = output.length - (resume?.offset ?? 0);
    if (written && written.length > have) await output.write(written.subarray(have));
  }
}

/** The line of the log that says where a session was taken up again, or what is missing of it. */
async function markResume(output: AttemptOutput, resume: SessionResume | undefined): Promise<void> {
  const missing = resume ? resume.offset - output.length : 0;
  if (resume && missing > 0) await output.write(Buffer.from(resume.mark).subarray(-missing));
}

/** The agent's command behind so many resumes. */
function commandOf({ deps, rollout }: AgentSession, row: AttemptRow, known: number): SessionCommand {
  const resume = row.resumes[known - 1];
  if (!resume) return { id: agentCommandId, command: prepareAgent(deps, rollout, row.attempt), offset: 0 };
  const command = prepareResume(deps, rollout, row.attempt, resume.sessionId);
  return { id: resume.command, command, offset: resume.offset };
}

/** Those of the first command came with the sandbox. */
async function putFiles({ deps, row, scope }: AgentSession, { command }: SessionCommand): Promise<void> {
  await deps.provider.put(row.sandboxName, '/', tarOfFiles(command.files), scope.signal);
}
