import { describe } from 'vitest';
import { commandContract } from './commands.ts';
import { fileContract } from './files.ts';
import { lifecycleContract } from './lifecycle.ts';
import { quiesceContract } from './quiesce.ts';
import { snapshotContract } from './snapshots.ts';
import { type MakeSubject, useFixture } from './subject.ts';

/** Every clause of the sandbox provider spec, for any provider. */
export function sandboxContract(name: string, make: MakeSubject): void {
  describe(`the sandbox provider ${name}`, () => {
    const fixture = useFixture(make);
    snapshotContract(fixture);
    lifecycleContract(fixture);
    commandContract(fixture);
    quiesceContract(fixture);
    fileContract(fixture);
  });
}
