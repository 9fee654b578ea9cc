import type { AgentCommand, AgentRun } from './agent.ts';
import { type PromptedCommand, withPrompt, withSession } from './prompted-command.ts';
import { readSettings } from './settings.ts';

/** How an agent shows that it has given up, as extended regular expressions for the sandbox's `grep` and `sed`. */
export interface GivingUp {
  /** Matches its last line of output where it gave up for its provider's sake, and another try makes sense. */
  readonly lastLine: string;
  /** Matches what it only prints once its model has answered. */
  readonly progress: string;
  /** Its one group is the session's id, in any line. */
  readonly session: string;
  /** The words before the session's id that take it up again. */
  readonly resume: string;
}

/** Seconds that a provider may be away at least. */
const patienceSeconds = 300;
const pauseSeconds = 10;

/**
 * POSIX sh: starts an agent, and starts it again in its session as long as it gives up for its provider's sake, until five
 * minutes have passed since it first did so or since its model last answered.
 */
const script = String.raw`
own=$1 last=$2 progress=$3 session=$4 resume=$5 found=$6
shift 6
output=$own/last-output until=
again() { id="$resume $found" prompt=$own/carry-on.md; }
id= prompt=$own/prompt.md
[ -z "$found" ] || again
while :; do
  { "$@" $id <"$prompt"; echo $? >"$own/exit-code"; } | tee "$output"
  read -r code <"$own/exit-code"
  [ "$code" != 0 ] && tail -n 1 "$output" | grep -Eq "$last" || exit "$code"
  now=$(date +%s)
  if [ -z "$until" ] || grep -Eq "$progress" "$output"; then until=$((now + ${patienceSeconds})); fi
  [ "$now" -lt "$until" ] || exit "$code"
  found=$(sed -nE "s/.*$session.*/\1/p" "$output" | head -n 1)
  [ -z "$found" ] || again
  sleep ${pauseSeconds}
done`;

/**
 * Lets an agent outlast five minutes of an absent provider where its own retries are fewer and cannot be set; unless the
 * run's settings leave it to itself. With a session it takes that one up.
 */
export function patiently(
  run: AgentRun,
  command: PromptedCommand,
  { lastLine, progress, session, resume }: GivingUp,
  sessionId = '',
): AgentCommand {
  const prompted = withPrompt(run, command);
  if (readSettings(run.settings).retries === 'own') {
    return sessionId === '' ? prompted : withSession(run, command, [resume, sessionId]);
  }
  return {
    ...prompted,
    argv: ['sh', '-c', script, 'sh', run.home, lastLine, progress, session, resume, sessionId, ...command.argv],
    files: [...prompted.files, ...withSession(run, { ...command, files: [] }, []).files],
  };
}
