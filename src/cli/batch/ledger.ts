import type { Command } from 'commander';
import type { LedgerBooks } from '../../model/ledger-responses.ts';
import { apiCommand, type CliContext, clientFor, type ServerFlags } from '../context.ts';
import { count, counted, money } from '../format.ts';
import { type Paint, paint, say, sayBytes, sayJson } from '../output.ts';
import { facts } from '../table.ts';

interface Flags extends ServerFlags {
  readonly json: boolean;
  readonly jsonl: boolean;
}

export function register(group: Command, context: CliContext): void {
  apiCommand(group, 'ledger <id>')
    .description('the books of a batch, first the share of attempts that was lost to infrastructure')
    .option('--json', 'print them as JSON', false)
    .option('--jsonl', 'and every rollout, attempt and call, a line of JSON each', false)
    .action((id: string, flags: Flags) => ledger(context, id, flags));
}

/** Fails where the books do not balance. */
async function ledger(context: CliContext, id: string, { json, jsonl, ...server }: Flags): Promise<void> {
  const client = await clientFor(context, server);
  if (jsonl) return sayBytes(client.batchLedgerLines(id));
  const { entries: _, next: __, ...books } = await client.batchLedger(id);
  if (json) sayJson(books);
  else for (const line of ledgerLines(books, paint)) say(line);
  if (!books.balances) process.exitCode = 1;
}

function ledgerLines(books: LedgerBooks, put: Paint): string[] {
  const { infrastructure_loss_rate: rate, attempts, attempts_lost: lost, planned } = books;
  const share = rate === null ? 'none' : `${(100 * rate).toFixed(2)} %`;
  return [
    `${put('bold', share)} of all attempts lost to infrastructure (${count(lost)} of ${count(attempts)})`,
    ...facts(
      [
        ['planned', `${count(planned)} = ${outcomes(books).join(' + ')}`],
        ['rollouts', `${count(books.rollouts)}, those that were retried included`],
        ['attempts', `${count(attempts)}, failed: ${byClass(books.attempts_failed).join(', ') || 'none'}`],
        ['calls', `${count(books.llm_calls)}, in results ${count(books.llm_calls_in_results)}`],
        ['tokens', count(books.tokens)],
        ['cost', `${money(books.cost_usd)} of calls = ${money(books.cost_of_attempts_usd)} of attempts`],
        ['unpriced', counted(books.unpriced_calls, 'call')],
      ],
      put,
    ),
    ...(books.balances
      ? [`${put('green', '✓')} The books balance.`]
      : books.imbalances.map((line) => `${put('red', '✗')} ${line}`)),
  ];
}

function outcomes({ scored, failed, cancelled, open, not_started: rest }: LedgerBooks): string[] {
  const running = Object.values(open).reduce((sum, many) => sum + many, 0);
  const others = { cancelled, open: running, 'not started': rest };
  return [`${count(scored)} scored`, ...byClass(failed), ...byClass(others)];
}

function byClass(counts: Readonly<Record<string, number>>): string[] {
  return Object.entries(counts).flatMap(([name, many]) => (many > 0 ? [`${count(many)} ${name}`] : []));
}
