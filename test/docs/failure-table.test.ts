import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { failures } from '../../src/model/failures.ts';

test('docs/architecture.md has the failure table as it is', async () => {
  const text = await readFile(fileURLToPath(new URL('../../docs/architecture.md', import.meta.url)), 'utf8');
  const rows = text.split('\n').filter((line) => /^\| [a-z_]+ \| [a-z]+ \| \d/.test(line));
  expect(rows).toEqual(
    Object.entries(failures).map(
      ([name, { fault, attempts, scored, httpStatus, successStatus, meaning }]) =>
        `| ${[name, fault, attempts, scored ? 'yes' : 'no', httpStatus, successStatus, meaning].join(' | ')} |`,
    ),
  );
});
