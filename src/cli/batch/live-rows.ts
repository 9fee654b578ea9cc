import type { BatchFigures } from '../../model/batch-event-responses.ts';
import { count, duration } from '../format.ts';
import type { LiveRow } from '../live.ts';
import type { Paint } from '../output.ts';
import { facts } from '../table.ts';
import { failedText, meanText, policyRows, spentText, statusText, tally } from './batch-lines.ts';

const barWidth = 32;
/** Of the parts of the bar, in their order. */
const blocks = [
  ['green', '█'],
  ['red', '█'],
  ['cyan', '▒'],
  ['dim', '░'],
] as const;
/** Parts of the whole after each of which a line is written where lines cannot be rewritten. */
const steps = 20;

/** A batch that runs, on a terminal: a bar, and what it has come to. `seconds`: since these figures were made. */
export function terminalRows(batch: BatchFigures, seconds: number, paint: Paint): LiveRow[] {
  const { planned, ended, open } = tally(batch);
  const secondsLeft = (batch.eta_s ?? 0) - seconds;
  const left = secondsLeft > 0 ? [`about ${duration(secondsLeft)} left`] : [];
  const head = [
    paint('bold', `${count(ended)} of ${count(planned)}`),
    `${Math.floor((100 * ended) / planned)} %`,
    ...(open > 0 ? [`${count(open)} open`] : []),
    ...left,
  ];
  const failed = failedText(batch, paint);
  const lines = [
    `  ${bar(batch, paint)}  ${head.join('  ')}`,
    ...facts(
      [
        ['status', statusText(batch, paint)],
        ['reward', paint('bold', meanText(batch))],
        ...policyRows(batch),
        ['spent', spentText(batch)],
        ...(failed ? [['no reward', failed] as const] : []),
      ],
      paint,
    ),
  ];
  return lines.map((text, index) => ({ key: String(index), state: text, text }));
}

/** One line, with news after each twentieth, and when the batch is paused, stopped or over. */
export function plainRows(batch: BatchFigures, paint: Paint): LiveRow[] {
  const { planned, ended, open } = tally(batch);
  const failed = failedText(batch, paint);
  const parts = [
    `${count(ended)} of ${count(planned)} ended`,
    `${count(open)} open`,
    `reward ${meanText(batch)}`,
    spentText(batch),
    ...(failed ? [`no reward: ${failed}`] : []),
    ...(batch.eta_s ? [`about ${duration(batch.eta_s)} left`] : []),
  ];
  const state = [batch.status, batch.stop_reason, batch.concurrency, Math.floor((steps * ended) / planned)].join('/');
  return [{ key: 'batch', state, text: `${statusText(batch, paint)}: ${parts.join('; ')}` }];
}

/** What is scored, what ended otherwise, what runs, what is to come. Whatever is there at all is seen. */
function bar(batch: BatchFigures, paint: Paint): string {
  const { planned, scored, unscored, ended, open } = tally(batch);
  const widths = [scored, unscored, open, planned - ended - open].map((cells) =>
    cells === 0 ? 0 : Math.max(1, Math.round((barWidth * cells) / planned)),
  );
  // What rounding has made too much or too little is the widest one's.
  const widest = widths.indexOf(Math.max(...widths));
  const excess = widths.reduce((sum, width) => sum + width, 0) - barWidth;
  return blocks
    .map(([style, block], part) => {
      const width = (widths[part] ?? 0) - (part === widest ? excess : 0);
      return width === 0 ? '' : paint(style, block.repeat(width));
    })
    .join('');
}
