import type { ModelScript } from '../../src/model/task.ts';
import type { Files } from './project.ts';

/** A command that works until it is told to end. */
const until = (name: string) =>
  `touch /app/at-${name}; while [ ! -e /app/${name} ]; do sleep 0.1; done; echo ${name} >> /app/done`;

/** What the model has an agent do: two commands that each say that they run, and wait for a file to end. */
export const twoCommands: ModelScript = {
  turns: [{ say: 'I begin.', run: until('first') }, { say: 'I go on.', run: until('second') }, { say: 'It is done.' }],
};

/** What the agent did, each thing once and in order, is what is rewarded. */
const tests = `#!/bin/sh
[ "$(cat /app/done)" = "first
second" ] && echo 1 > /logs/verifier/reward.txt || echo 0 > /logs/verifier/reward.txt
`;

export const twoCommandsTask: Files = {
  'tasks/1/instruction.md': 'Do it.',
  'tasks/1/tests/test.sh': tests,
};
