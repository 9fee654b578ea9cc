import { resultFile } from '../agents/entrypoint.ts';

/** Harbor's own folder in every sandbox; open to every user of it. */
export const harborFolder = '/.harbor';
/** The agent's own folder: its configuration, its sessions. */
export const agentHome = `${harborFolder}/agent-home`;
/** What the agent's phase leaves for collection besides its output: result.json and the two listings. */
export const outbox = `${harborFolder}/outbox`;

export const agentCommandId = 'agent';

/** Where held-back tests appear, and where they leave their verdict. */
export const testsFolder = '/tests';
export const verifierFolder = '/logs/verifier';

/** Directories whose changes nobody wants to read in a diff. */
const unread = ['.git', 'node_modules', '__pycache__', '.pytest_cache', '.mypy_cache', '.venv'];

/** Paths that a listing holds at most. */
const listed = 2000;

const prune = unread.map((name) => `-name ${name}`).join(' -o ');
const files = `find . -xdev \\( ${prune} \\) -prune -o \\( -type f -o -type l \\)`;

/**
 * Lists the files of the working directory that changed since the mark, and those that vanished. By the time of the last
 * change of their state where `find` knows it: it cannot be set back, as the time of modification can.
 */
export const listChanges = `
mkdir -p ${outbox}
if [ -e ${agentHome}/mark ]; then
  newer=-newer; find ${agentHome}/mark -cnewer ${agentHome}/mark > /dev/null 2>&1 && newer=-cnewer
  ${files} $newer ${agentHome}/mark -print 2> /dev/null | head -n ${listed} > ${outbox}/changed
  ${files} -print 2> /dev/null | sort | comm -23 ${agentHome}/before - | head -n ${listed} > ${outbox}/deleted
fi
if [ -f ${resultFile} ]; then cp ${resultFile} ${outbox}/result.json; fi`;

/** Runs its arguments and makes the listing behind them anew. */
export const bookkeepingAgain = `
"$@"
code=$?
${listChanges}
exit $code`;

/**
 * Runs its arguments between two listings of the working directory, from which the diff is made: in the agent's own
 * command, since every command costs an engine tens of milliseconds. Made by the sandbox's own tools, so they are good
 * for reading, not for judging. An image without a WORKDIR has no working directory worth listing.
 */
export const bookkeeping = `
if [ "$PWD" != / ]; then
  ${files} -print 2> /dev/null | sort > ${agentHome}/before
  : > ${agentHome}/mark
fi
${bookkeepingAgain}`;
