import { randomUUID } from 'node:crypto';
import { errorText } from '../model/errors.ts';
import { type Reconnect, reconnecting } from '../sdk/reconnecting.ts';
import { note, paintError } from './output.ts';

/** Outlasts ten minutes without the server, with a line when it goes and one when it is back. */
export function patience(signal?: AbortSignal): Reconnect {
  return reconnecting({
    signal,
    onOutage: (error) => note(`${paintError('yellow', '…')} ${errorText(error)}; trying again for ten minutes`),
    onBack: () => note(`${paintError('green', '✓')} the server is back`),
  });
}

/** As {@link patience}, for what shall be done once, however often its answer is lost: `ask` hands the key to the server. */
export function doneOnce<T>(ask: (repeatKey: string) => Promise<T>): Promise<T> {
  const repeatKey = randomUUID();
  return patience()(() => ask(repeatKey));
}
