import { sql } from 'kysely';
import type { Db } from './database.ts';
import type { DeploymentRow } from './deployments.ts';

/** A seed of a deployment, and whether its newest generation has a task for it (any seed fits where it has none). */
export interface InstanceRow {
  readonly seed: number;
  readonly hasTask: boolean;
}

export interface InstanceFilter {
  readonly limit: number;
  readonly offset: number;
  /** Only those with a task, or only those without. */
  readonly hasTask?: boolean | undefined;
}

type Generation = Pick<DeploymentRow, 'id' | 'generation'>;

/**
 * The seeds that somebody means to run of a deployment. All of them run on its one snapshot, so that nothing but the seed is
 * kept of an instance.
 */
export interface InstanceStore {
  /** The seeds `first` to `first + count - 1`; returns how many of them are new. */
  add(deploymentId: string, first: number, count: number): Promise<number>;
  /** By seed. */
  list(deployment: Generation, filter: InstanceFilter): Promise<readonly InstanceRow[]>;
  count(deployment: Generation): Promise<{ readonly withTask: number; readonly withoutTask: number }>;
}

export function instanceStore(db: Db): InstanceStore {
  const instances = ({ id, generation }: Generation) =>
    db.selectFrom((from) =>
      from
        .selectFrom('instances')
        .innerJoin('generations', 'generations.deploymentId', 'instances.deploymentId')
        .leftJoin('tasks', (join) =>
          join
            .onRef('tasks.deploymentId', '=', 'generations.deploymentId')
            .onRef('tasks.generation', '=', 'generations.generation')
            .onRef('tasks.seed', '=', 'instances.seed'),
        )
        .where('generations.deploymentId', '=', id)
        .where('generations.generation', '=', generation)
        .select((eb) => [
          'instances.seed',
          eb.or([eb('generations.layout', '!=', 'seeds'), eb('tasks.seed', 'is not', null)]).as('hasTask'),
        ])
        .as('seeds'),
    );

  return {
    async add(deploymentId, first, count) {
      const { numAffectedRows } = await sql`
        insert into instances (deployment_id, seed)
        select ${deploymentId}, generate_series(${first}::integer, ${first + count - 1}::integer)
        on conflict do nothing`.execute(db);
      return Number(numAffectedRows ?? 0);
    },

    async list(deployment, { limit, offset, hasTask }) {
      let query = instances(deployment).select(['seed', 'hasTask']);
      if (hasTask !== undefined) query = query.where('hasTask', '=', hasTask);
      const rows = await query.orderBy('seed').limit(limit).offset(offset).execute();
      return rows.map((row) => ({ seed: row.seed, hasTask: Boolean(row.hasTask) }));
    },

    async count(deployment) {
      const rows = await instances(deployment)
        .select((eb) => ['hasTask', eb.fn.countAll<number>().as('count')])
        .groupBy('hasTask')
        .execute();
      const of = (hasTask: boolean) => rows.find((row) => Boolean(row.hasTask) === hasTask)?.count ?? 0;
      return { withTask: of(true), withoutTask: of(false) };
    },
  };
}
