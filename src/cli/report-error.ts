import { errorText, HarborError } from '../model/errors.ts';
import { note, paintError, printable } from './output.ts';

/** What happened in one line, what to do in another; the stack only for who asks for it with HARBOR_DEBUG=1. */
export function reportError(error: unknown, debug: boolean): void {
  if (debug) note(error instanceof Error ? (error.stack ?? error.message) : String(error));
  note(`${paintError('red', 'error:')} ${oneLine(printable(errorText(error)))}`);
  const remedy = HarborError.isInstance(error)
    ? error.remedy
    : 'That was not to be expected: HARBOR_DEBUG=1 shows where it comes from.';
  if (remedy) note(`  ${remedy}`);
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, '; ').trim();
}
