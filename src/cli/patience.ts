import { errorText } from '../model/errors.ts';
import { type Reconnect, reconnecting } from '../sdk/reconnecting.ts';
import { note, paintError } from './output.ts';

/** Outlasts ten minutes without the server, with a line when it goes and one when it is back. */
export function patience(tell: (line: string) => void = note, signal?: AbortSignal): Reconnect {
  return reconnecting({
    signal,
    onOutage: (error) => tell(`${paintError('yellow', '…')} ${errorText(error)}; trying again for ten minutes`),
    onBack: () => tell(`${paintError('green', '✓')} the server is back`),
  });
}
