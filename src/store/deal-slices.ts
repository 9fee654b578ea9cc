import { addAmounts, type Amounts, budgetUnits, eachUnit, noAmounts } from '../model/budget.ts';
import type { ClaimOutcome, SliceAnswer, SliceRequest } from '../model/budget-slice.ts';

/** What one interceptor may spend of a budget, all that it ever spent of it included. */
export interface BudgetSlice {
  readonly budget: string;
  readonly interceptor: string;
  readonly version: number;
  readonly held: Amounts;
  /** All of it is spent for good. */
  readonly isFinal: boolean;
  /** Its interceptor has not been heard of for so long that it serves nobody. */
  readonly isSilent: boolean;
  /** Calls of its interceptor wait for room. */
  readonly isWanting: boolean;
}

export interface Deal {
  readonly answer: SliceAnswer;
  /** The slices of the interceptor that asked, as they are from now on. */
  readonly slices: readonly Omit<BudgetSlice, 'isSilent'>[];
}

type Asked = SliceRequest['slices'][number];

/** A budget while an answer is worked out: what the asking interceptor has of it, and the others. */
interface Hand {
  readonly asked: Asked;
  readonly wasKnown: boolean;
  readonly version: number;
  readonly others: Amounts;
  readonly silent: Amounts;
  /** Nothing of what others hold comes back. */
  readonly othersAreFinal: boolean;
  readonly othersWant: boolean;
  held: Amounts;
  taken: Amounts;
  isOpen: boolean;
  isWanting: boolean;
}

/** Of what nobody holds, the part that may be handed out ahead of any need: the less there is, the less lies idle. */
const shareAhead = 1 / 4;

/**
 * Changes the slices of one interceptor as it asks, as far as all slices of a budget together stay within it. A call gets
 * room in all of its budgets or in none. It is refused only where nothing that is held anywhere can make room for it; silent
 * interceptors' slices count as spent. `slices`: those of the budgets that the request names.
 */
export function dealSlices(interceptor: string, request: SliceRequest, slices: readonly BudgetSlice[]): Deal {
  const byBudget = Map.groupBy(slices, ({ budget }) => budget);
  const hands = new Map(request.slices.map((asked) => [asked.id, handOf(interceptor, asked, byBudget.get(asked.id))]));
  const claims = request.claims.map(({ budgets, amounts }) =>
    claim(
      budgets.map((id) => hands.get(id)),
      amounts,
    ),
  );
  for (const hand of hands.values()) handOutAhead(hand);
  return {
    answer: {
      claims,
      slices: Array.from(hands.values(), ({ asked: { id }, version, held, wasKnown }) => ({
        id,
        version,
        held,
        wasKnown,
      })),
    },
    slices: Array.from(hands.values(), ({ asked, version, held, taken, isOpen, isWanting, wasKnown }) => ({
      budget: asked.id,
      interceptor,
      version,
      held,
      isFinal: wasKnown && !isOpen && budgetUnits.every((unit) => held[unit] <= taken[unit]),
      isWanting,
    })),
  };
}

function handOf(interceptor: string, asked: Asked, slices: readonly BudgetSlice[] = []): Hand {
  const own = slices.find((slice) => slice.interceptor === interceptor);
  const others = slices.filter((slice) => slice.interceptor !== interceptor);
  const silent = others.filter(({ isSilent }) => isSilent);
  const before = own?.held ?? noAmounts;
  // A question that was asked before another was answered must not undo that answer.
  const wasKnown = asked.version === (own?.version ?? null);
  return {
    asked,
    wasKnown,
    version: (own?.version ?? 0) + 1,
    others: sumOf(others),
    silent: sumOf(silent),
    othersAreFinal: others.every(({ isFinal, isSilent }) => isFinal || isSilent),
    othersWant: others.some(({ isWanting, isSilent }) => isWanting && !isSilent),
    held: wasKnown ? eachUnit((unit) => Math.min(before[unit], asked.keep[unit])) : before,
    taken: asked.taken,
    isOpen: asked.isOpen,
    isWanting: false,
  };
}

function claim(found: readonly (Hand | undefined)[], amounts: Amounts): ClaimOutcome {
  const hands = found.filter((hand) => hand !== undefined);
  if (hands.length < found.length || hands.some(({ wasKnown }) => !wasKnown)) return { kind: 'unknown' };
  const tight = hands.filter((hand) => !hasRoom(hand, amounts));
  if (tight.length === 0) {
    for (const hand of hands) {
      hand.taken = addAmounts(hand.taken, amounts);
      hand.held = eachUnit((unit) => Math.max(hand.held[unit], hand.taken[unit]));
      hand.isOpen = true;
    }
    return { kind: 'granted' };
  }
  const spent = tight.find(({ isOpen, othersAreFinal }) => !isOpen && othersAreFinal);
  if (spent) {
    const { asked, taken, others, silent } = spent;
    return { kind: 'refused', budget: asked.id, spent: addAmounts(others, taken), silent };
  }
  for (const hand of tight) hand.isWanting = true;
  return { kind: 'waits' };
}

function hasRoom({ asked, others, taken }: Hand, amounts: Amounts): boolean {
  return budgetUnits.every((unit) => others[unit] + (taken[unit] + amounts[unit]) <= limitOf(asked, unit));
}

function handOutAhead(hand: Hand): void {
  const { asked, wasKnown, others, othersWant, isWanting, taken, held } = hand;
  if (!wasKnown || othersWant || isWanting) return;
  hand.held = eachUnit((unit) => {
    const limit = asked.limits?.[unit];
    if (limit === undefined) return held[unit];
    const free = Math.max(0, limit - others[unit] - held[unit]) * shareAhead;
    const wanted = Math.max(0, taken[unit] + asked.ahead[unit] - held[unit]);
    const more = Math.min(wanted, free);
    return held[unit] + (unit === 'usd' ? more : Math.floor(more));
  });
}

function limitOf({ limits }: Asked, unit: keyof Amounts): number {
  return limits?.[unit] ?? Infinity;
}

function sumOf(slices: readonly BudgetSlice[]): Amounts {
  return slices.reduce<Amounts>((sum, { held }) => addAmounts(sum, held), noAmounts);
}
