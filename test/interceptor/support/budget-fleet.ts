import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import type { GrantedBudget } from '../../../src/interceptor/budgets/budgets.ts';
import { SlicedBook } from '../../../src/interceptor/budgets/sliced-book.ts';
import type { SliceRequest } from '../../../src/model/budget-slice.ts';
import { sliceRequestSchema } from '../../../src/model/budget-slice.ts';
import { parseJson } from '../../../src/model/json.ts';
import type { BudgetStore } from '../../../src/store/budgets.ts';
import { type BudgetSlice, dealSlices } from '../../../src/store/deal-slices.ts';
import { temporaryFolder } from './interceptor.ts';

export const tokens = (count: number) => ({ usd: 0, tokens: count, calls: 1 });

/** Where slices are dealt out. */
export type SliceTable = Pick<BudgetStore, 'deal' | 'wantedBack'>;

/** As the store, without a database; `slices` is all that it holds. */
export function memoryTable(): SliceTable & { readonly slices: Map<string, BudgetSlice> } {
  const slices = new Map<string, BudgetSlice>();
  return {
    slices,
    async deal(interceptor, request) {
      const deal = dealSlices(interceptor, request, [...slices.values()]);
      for (const slice of deal.slices)
        slices.set(`${slice.budget} ${slice.interceptor}`, { ...slice, isSilent: false });
      return deal.answer;
    },
    async wantedBack(interceptor) {
      const all = [...slices.values()];
      const isWanted = ({ budget }: BudgetSlice) =>
        all.some((other) => other.budget === budget && other.interceptor !== interceptor && other.isWanting);
      return all
        .filter((slice) => slice.interceptor === interceptor && !slice.isFinal && isWanted(slice))
        .map(({ budget }) => budget);
    },
  };
}

/** What becomes of a question: `late`: given up by who asked, and carried out all the same, at some time. */
type Fate = 'answered' | 'question-lost' | 'answer-lost' | 'late';

/** A call of one of the interceptors, which takes a share of what it wants; or during which its interceptor dies. */
export interface FleetCall {
  readonly at: number;
  readonly wanted: number;
  readonly share: number;
  readonly dies: boolean;
  /** Steps before it begins. */
  readonly after: number;
}

/** One course of events. */
export interface Course {
  readonly calls: readonly FleetCall[];
  readonly fates: readonly Fate[];
}

export function courses(interceptors: number): fc.Arbitrary<Course> {
  const call = fc.record({
    at: fc.nat(interceptors - 1),
    after: fc.nat(12),
    wanted: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 8 })),
    share: fc.float({ min: 0, max: 1, noNaN: true }),
    dies: fc.oneof({ arbitrary: fc.constant(false), weight: 7 }, { arbitrary: fc.constant(true), weight: 1 }),
  });
  const fate = fc.constantFrom<Fate>('answered', 'answered', 'question-lost', 'answer-lost', 'late');
  return fc.record({ calls: fc.array(call, { maxLength: 14 }), fates: fc.array(fate, { maxLength: 12 }) });
}

interface Member {
  readonly name: string;
  readonly directory: string;
  book: Promise<SlicedBook>;
  /** Ends with each death. */
  life: object;
  /** What its open calls hold. */
  readonly open: Map<object, number>;
}

/**
 * Interceptors that share budgets of tokens, and the truth about them: fails where a budget is exceeded, or where a call is
 * refused that would have fitted beside what was spent and reserved anywhere.
 */
export class BudgetFleet {
  private readonly table: SliceTable;
  private readonly limits: ReadonlyMap<string, number>;
  private readonly step: () => Promise<unknown>;
  private readonly fates: Fate[] = [];
  private readonly members: Member[] = [];
  private spent = 0;

  constructor(table: SliceTable, limits: ReadonlyMap<string, number>, step: () => Promise<unknown>) {
    this.table = table;
    this.limits = limits;
    this.step = step;
  }

  async add(name: string): Promise<void> {
    const directory = await temporaryFolder();
    const member: Member = { name, directory, book: this.open(name, directory), life: {}, open: new Map() };
    this.members.push(member);
    await member.book;
  }

  /** All calls at once; resolves when the last has ended. */
  async run({ calls, fates }: Course): Promise<void> {
    this.fates.push(...fates);
    await Promise.all(calls.map((call) => this.call(call)));
  }

  /** Has everything given back that is not spent; returns what was spent, of each budget alike. */
  async settle(isSettled: () => Promise<boolean>): Promise<number> {
    while (!(await isSettled())) {
      for (const { book } of this.members) (await book).wantedBack([...this.limits.keys()]);
      await Promise.all([this.step(), sleep(1)]);
    }
    return this.spent;
  }

  async close(): Promise<void> {
    for (const { book } of this.members) await (await book).close();
  }

  private get budgets(): GrantedBudget[] {
    return Array.from(this.limits, ([id, limit]) => ({ id, tokens: limit }));
  }

  private get taken(): number {
    return this.members.reduce((sum, { open }) => [...open.values()].reduce((a, b) => a + b, sum), this.spent);
  }

  private fits(wanted: number): boolean {
    return this.taken + wanted <= Math.min(...this.limits.values());
  }

  private open(name: string, directory: string): Promise<SlicedBook> {
    const ask = (request: SliceRequest, signal: AbortSignal) => {
      const fate = this.fates.shift() ?? 'answered';
      const carriedOut = async () => {
        await this.step();
        if (fate === 'question-lost') throw new Error(fate);
        const sent = parseJson(JSON.stringify(request), sliceRequestSchema);
        const answer = await this.table.deal(name, sent);
        void this.passOnWishes();
        await this.step();
        if (fate === 'answer-lost') throw new Error(fate);
        return answer;
      };
      const answer = carriedOut();
      answer.catch(() => undefined);
      const givenUp = new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error('it died')));
        if (fate === 'late') reject(new Error(fate));
      });
      return Promise.race([answer, givenUp]);
    };
    const onError = (error: unknown) => {
      throw error;
    };
    return SlicedBook.open({ directory, ask, onError, pollMs: 1, retryMs: 1 });
  }

  /** What the keepers of all interceptors do. */
  private async passOnWishes(): Promise<void> {
    for (const { name, book } of this.members) {
      const ids = await this.table.wantedBack(name);
      if (ids.length > 0) (await book).wantedBack(ids);
    }
  }

  private async call({ at, after, wanted, share, dies }: FleetCall): Promise<void> {
    for (let n = 0; n <= after; n += 1) await this.step();
    const member = this.members[at];
    if (!member) throw new Error('there is none');
    const book = await member.book;
    const { life } = member;
    const outcome = await book.reserve(this.budgets, tokens(wanted), () => false);
    if (member.life !== life) {
      // It died before it could forward the call; what was written counts.
      if (outcome.kind === 'reserved') this.spent += wanted;
      return;
    }
    if (outcome.kind === 'exhausted') {
      if (this.fits(wanted)) throw new Error(`it would have fitted: ${wanted} beside ${this.taken}`);
      return;
    }
    if (!this.fits(wanted)) throw new Error(`exceeded: ${wanted} beside ${this.taken}`);
    const call = {};
    member.open.set(call, wanted);
    await this.step();
    if (member.life !== life) return;
    if (dies) return this.die(member);
    const real = Math.floor(wanted * share);
    member.open.delete(call);
    this.spent += real;
    outcome.reservation.settle(tokens(real));
  }

  private async die(member: Member): Promise<void> {
    member.life = {};
    for (const held of member.open.values()) this.spent += held;
    member.open.clear();
    member.book = member.book.then(async (book) => {
      await book.close();
      return this.open(member.name, member.directory);
    });
    await member.book;
  }
}
