import { randomUUID } from 'node:crypto';
import { type Selectable, sql } from 'kysely';
import { HarborError } from '../model/errors.ts';
import type { CreateDeployment, DeploymentStatus, TaskLayout } from '../model/deployment.ts';
import type { Task } from '../model/task.ts';
import { type Db, toJson } from './database.ts';
import { LruCache } from './lru-cache.ts';
import type { Database } from './schema.ts';

type BareDeployment = Selectable<Database['deployments']>;
/** A deployment, with the snapshot of its newest generation that is ready. */
export type DeploymentRow = BareDeployment & { readonly snapshotName: string | null };
export type GenerationRow = Selectable<Database['generations']>;
export type BuildRow = Selectable<Database['builds']>;

/** What an upload brought, with its archives in the blob store. */
export interface GenerationContent {
  readonly dockerfile: string;
  readonly contextRef: string;
  readonly contextHash: string;
  readonly layout: TaskLayout;
  readonly tasks: readonly Task[];
}

/** What a rebuild replaces of the generation before it. */
export type RebuiltContent = Partial<GenerationContent & Pick<CreateDeployment, 'limits'>>;

/** One generation on its way to a snapshot. */
export interface PendingBuild {
  readonly deployment: BareDeployment;
  readonly buildId: string;
}

export type BuildOutcome =
  | { readonly status: 'completed'; readonly snapshotName: string; readonly cached: boolean }
  | { readonly status: 'failed'; readonly errorMessage: string };

export interface DeploymentStore {
  /** By id or name, within one organization. */
  find(organization: string, idOrName: string): Promise<DeploymentRow | undefined>;
  list(organization: string, filter: ListFilter): Promise<readonly DeploymentRow[]>;
  generation(deploymentId: string, generation: number): Promise<GenerationRow>;
  /** The task for a seed: its own, else the one that fits any seed. Undefined: there is none. */
  task(deploymentId: string, generation: number, seed: number | null): Promise<Task | undefined>;
  /** The seeds of a generation's tasks, in order. */
  seeds(deploymentId: string, generation: number): Promise<readonly number[]>;

  /**
   * Undefined where the name is taken by a deployment that did not fail; that one's next generation otherwise. A build
   * that is there under the id `buildId` is given back instead of another.
   */
  create(
    organization: string,
    settings: CreateDeployment,
    content: GenerationContent,
    buildId?: string,
  ): Promise<PendingBuild | undefined>;
  /** The next generation: the newest one's content, less what `content` replaces. `buildId`: as for `create`. */
  rebuild(deployment: DeploymentRow, content: RebuiltContent, force: boolean, buildId?: string): Promise<PendingBuild>;

  build(id: string): Promise<BuildRow | undefined>;
  /** Newest first. */
  builds(deploymentId: string, limit: number): Promise<readonly BuildRow[]>;
  beginBuild(buildId: string, snapshotName: string): Promise<void>;
  setBuildLog(buildId: string, logId: string): Promise<void>;
  /** Closes a build and moves its deployment on, if no newer generation has overtaken it. Idempotent. */
  endBuild(buildId: string, outcome: BuildOutcome): Promise<void>;
  /** Builds that have not ended, older than `before`: for the reconciler. */
  openBuilds(before: Date): Promise<readonly (BuildRow & { organization: string; deploymentName: string })[]>;

  /** How often `force` was asked for a content; raised by one when `raise`. */
  contentGeneration(baseHash: string, raise: boolean): Promise<number>;
}

export interface ListFilter {
  readonly limit: number;
  readonly offset: number;
  readonly status?: DeploymentStatus | undefined;
  readonly name?: string | undefined;
}

/** Rows that are kept in memory, of each kind. */
const rememberedRows = 500;

export function deploymentStore(db: Db): DeploymentStore {
  const deployments = (organization: string) =>
    db
      .selectFrom('deployments')
      .leftJoin('generations', (join) =>
        join
          .onRef('generations.deploymentId', '=', 'deployments.id')
          .onRef('generations.generation', '=', 'deployments.readyGeneration'),
      )
      .selectAll('deployments')
      .select('generations.snapshotName')
      .where('deployments.organization', '=', organization);

  const find: DeploymentStore['find'] = (organization, idOrName) =>
    deployments(organization)
      .where((eb) => eb.or([eb('deployments.id', '=', idOrName), eb('deployments.name', '=', idOrName)]))
      // A name may look like another one's id; the id wins.
      .orderBy((eb) => eb('deployments.id', '=', idOrName), 'desc')
      .executeTakeFirst();

  /** A generation that has its snapshot never changes again, and every activity of every rollout asks for it. */
  const settled = new LruCache<GenerationRow>(rememberedRows);
  const knownTasks = new LruCache<Task>(rememberedRows);

  const generation: DeploymentStore['generation'] = async (deploymentId, number) => {
    const key = `${deploymentId}/${number}`;
    const known = settled.get(key);
    if (known) return known;
    const row = await readGeneration(deploymentId, number);
    if (row.snapshotName !== null) settled.set(key, row);
    return row;
  };

  const readGeneration = (deploymentId: string, number: number): Promise<GenerationRow> =>
    db
      .selectFrom('generations')
      .selectAll()
      .where('deploymentId', '=', deploymentId)
      .where('generation', '=', number)
      .executeTakeFirstOrThrow(
        () => new HarborError('internal', `deployment ${deploymentId} has no generation ${number}`),
      );

  return {
    find,
    generation,

    list(organization, { limit, offset, status, name }) {
      let query = deployments(organization);
      if (status) query = query.where('deployments.status', '=', status);
      if (name) query = query.where('deployments.name', '=', name);
      return query
        .orderBy('deployments.createdAt', 'desc')
        .orderBy('deployments.id')
        .limit(limit)
        .offset(offset)
        .execute();
    },

    async task(deploymentId, number, seed) {
      const key = `${deploymentId}/${number}/${seed}`;
      const known = knownTasks.get(key);
      if (known) return known;
      const row = await db
        .selectFrom('tasks')
        .selectAll()
        .where('deploymentId', '=', deploymentId)
        .where('generation', '=', number)
        .where((eb) =>
          seed === null ? eb('seed', 'is', null) : eb.or([eb('seed', '=', seed), eb('seed', 'is', null)]),
        )
        .orderBy('seed', (order) => order.asc().nullsLast())
        .executeTakeFirst();
      if (row) knownTasks.set(key, row);
      return row;
    },

    async seeds(deploymentId, number) {
      const rows = await db
        .selectFrom('tasks')
        .select('seed')
        .where('deploymentId', '=', deploymentId)
        .where('generation', '=', number)
        .where('seed', 'is not', null)
        .orderBy('seed')
        .execute();
      return rows.flatMap(({ seed }) => (seed === null ? [] : [seed]));
    },

    create: (organization, settings, content, buildId = randomUUID()) =>
      db.transaction().execute(async (tx) => {
        const known = await knownBuild(tx, buildId);
        if (known) return known;
        const id = randomUUID();
        const made = await tx
          .insertInto('deployments')
          .values({ id, organization, name: settings.name, status: 'pending', generation: 1 })
          .onConflict((conflict) => conflict.columns(['organization', 'name']).doNothing())
          .returningAll()
          .executeTakeFirst();
        const deployment =
          made ??
          (await tx
            .updateTable('deployments')
            .set((eb) => ({
              status: 'pending',
              error: null,
              generation: eb('generation', '+', 1),
              updatedAt: new Date(),
            }))
            .where('organization', '=', organization)
            .where('name', '=', settings.name)
            .where('status', '=', 'failed')
            .returningAll()
            .executeTakeFirst());
        if (!deployment) return undefined;
        await insertGeneration(tx, deployment, {
          description: settings.description ?? null,
          entrypoint: settings.entrypoint,
          entrypointMode: settings.entrypoint_mode,
          limits: settings.limits,
          envVars: settings.env_vars,
          metadata: settings.metadata,
          egress: settings.egress,
          force: false,
          ...content,
        });
        await insertBuild(tx, deployment, buildId);
        return { deployment, buildId };
      }),

    rebuild: (before, content, force, buildId = randomUUID()) =>
      db.transaction().execute(async (tx) => {
        const known = await knownBuild(tx, buildId);
        if (known) return known;
        const deployment = await tx
          .updateTable('deployments')
          .set((eb) => ({
            status: 'pending',
            error: null,
            generation: eb('generation', '+', 1),
            updatedAt: new Date(),
          }))
          .where('id', '=', before.id)
          .returningAll()
          .executeTakeFirstOrThrow();
        const last = await tx
          .selectFrom('generations')
          .selectAll()
          .where('deploymentId', '=', deployment.id)
          .where('generation', '=', deployment.generation - 1)
          .executeTakeFirstOrThrow();
        const tasks =
          content.tasks ??
          (await tx
            .selectFrom('tasks')
            .selectAll()
            .where('deploymentId', '=', deployment.id)
            .where('generation', '=', last.generation)
            .orderBy('position')
            .execute());
        await insertGeneration(tx, deployment, { ...last, ...content, tasks, force });
        await insertBuild(tx, deployment, buildId);
        return { deployment, buildId };
      }),

    build: (id) => db.selectFrom('builds').selectAll().where('id', '=', id).executeTakeFirst(),

    builds: (deploymentId, limit) =>
      db
        .selectFrom('builds')
        .selectAll()
        .where('deploymentId', '=', deploymentId)
        .orderBy('generation', 'desc')
        .limit(limit)
        .execute(),

    beginBuild: (buildId, snapshotName) =>
      db.transaction().execute(async (tx) => {
        const build = await tx
          .updateTable('builds')
          .set((eb) => ({
            status: 'building',
            snapshotName,
            startedAt: eb.fn.coalesce('startedAt', eb.val(new Date())),
          }))
          .where('id', '=', buildId)
          .where('endedAt', 'is', null)
          .returning(['deploymentId', 'generation'])
          .executeTakeFirst();
        if (build) await moveDeployment(tx, build, { status: 'building' });
      }),

    async setBuildLog(buildId, logId) {
      await db.updateTable('builds').set({ logId }).where('id', '=', buildId).execute();
    },

    endBuild: (buildId, outcome) =>
      db.transaction().execute(async (tx) => {
        const build = await tx
          .updateTable('builds')
          .set(
            outcome.status === 'completed'
              ? { status: 'completed', snapshotName: outcome.snapshotName, cached: outcome.cached, endedAt: new Date() }
              : { status: 'failed', errorMessage: outcome.errorMessage, endedAt: new Date() },
          )
          .where('id', '=', buildId)
          .where('endedAt', 'is', null)
          .returning(['deploymentId', 'generation'])
          .executeTakeFirst();
        if (!build) return;
        if (outcome.status === 'failed') {
          await moveDeployment(tx, build, { status: 'failed', error: outcome.errorMessage });
          return;
        }
        await tx
          .updateTable('generations')
          .set({ snapshotName: outcome.snapshotName })
          .where('deploymentId', '=', build.deploymentId)
          .where('generation', '=', build.generation)
          .execute();
        await moveDeployment(tx, build, { status: 'ready', error: null, readyGeneration: build.generation });
      }),

    openBuilds: (before) =>
      db
        .selectFrom('builds')
        .innerJoin('deployments', 'deployments.id', 'builds.deploymentId')
        .selectAll('builds')
        .select(['deployments.organization', 'deployments.name as deploymentName'])
        .where('builds.endedAt', 'is', null)
        .where('builds.createdAt', '<', before)
        .execute(),

    async contentGeneration(baseHash, raise) {
      const step = raise ? 1 : 0;
      const row = await db
        .insertInto('contentGenerations')
        .values({ baseHash, generation: step })
        .onConflict((conflict) =>
          conflict
            .column('baseHash')
            .doUpdateSet((eb) => ({ generation: eb('contentGenerations.generation', '+', step) })),
        )
        .returning('generation')
        .executeTakeFirstOrThrow();
      return row.generation;
    },
  };
}

type NewGeneration = Omit<GenerationRow, 'deploymentId' | 'generation' | 'snapshotName' | 'createdAt'> & {
  readonly tasks: readonly Task[];
};

async function insertGeneration(tx: Db, deployment: BareDeployment, content: NewGeneration): Promise<void> {
  const key = { deploymentId: deployment.id, generation: deployment.generation };
  await tx
    .insertInto('generations')
    .values({
      ...key,
      description: content.description,
      dockerfile: content.dockerfile,
      contextRef: content.contextRef,
      contextHash: content.contextHash,
      layout: content.layout,
      entrypoint: content.entrypoint,
      entrypointMode: content.entrypointMode,
      limits: toJson(content.limits),
      envVars: toJson(content.envVars),
      metadata: toJson(content.metadata),
      egress: toJson(content.egress),
      force: content.force,
    })
    .execute();
  const rows = content.tasks.map((task, position) => ({
    ...key,
    position,
    seed: task.seed,
    instruction: task.instruction,
    settings: toJson(task.settings),
    testsRef: task.testsRef,
    script: task.script && toJson(task.script),
  }));
  for (let from = 0; from < rows.length; from += rowsPerInsert) {
    await tx
      .insertInto('tasks')
      .values(rows.slice(from, from + rowsPerInsert))
      .execute();
  }
}

/** A statement takes 65,535 parameters. */
const rowsPerInsert = 500;

async function insertBuild(tx: Db, deployment: BareDeployment, id: string): Promise<void> {
  await tx
    .insertInto('builds')
    .values({ id, deploymentId: deployment.id, generation: deployment.generation, status: 'pending', cached: false })
    .execute();
}

/** A build that is there already, with its generation; whoever else asks for its id waits until this transaction ends. */
async function knownBuild(tx: Db, id: string): Promise<PendingBuild | undefined> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${id}, 0))`.execute(tx);
  const build = await tx.selectFrom('builds').selectAll().where('id', '=', id).executeTakeFirst();
  if (!build) return undefined;
  const { deploymentId, generation } = build;
  const deployment = await tx
    .selectFrom('deployments')
    .selectAll()
    .where('id', '=', deploymentId)
    .executeTakeFirstOrThrow();
  return { deployment: { ...deployment, generation }, buildId: id };
}

/** Changes a deployment for the sake of one of its generations, unless a newer one has come since. */
async function moveDeployment(
  tx: Db,
  build: { readonly deploymentId: string; readonly generation: number },
  change: Partial<Pick<BareDeployment, 'status' | 'error' | 'readyGeneration'>>,
): Promise<void> {
  await tx
    .updateTable('deployments')
    .set({ ...change, updatedAt: new Date() })
    .where('id', '=', build.deploymentId)
    .where('generation', '=', build.generation)
    .execute();
}
