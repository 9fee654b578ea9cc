import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import { parseJson } from '../../src/model/json.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

const serviceSchema = z.object({
  image: z.string(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  volumes: z.array(z.string()).default([]),
  ports: z.array(z.string()).default([]),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z.unknown().optional(),
  network_mode: z.string().optional(),
});
const composeSchema = z.object({ services: z.record(z.string(), serviceSchema) });

/** docker-compose.yml as docker-compose itself reads it. Rejects where it finds a mistake. */
export async function readCompose(): Promise<z.infer<typeof composeSchema>['services']> {
  return parseJson(await composeAsJson(), composeSchema, 'docker-compose.yml').services;
}

/** The same, whole, with the variables that it is given; docker-compose reads JSON as well. */
export async function composeAsJson(variables: Readonly<Record<string, string>> = {}): Promise<string> {
  const env = { ...process.env, ...variables };
  const { stdout: yaml } = await run('docker-compose', ['config'], { cwd: root, env });
  const asJson = 'import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.argv[1])))';
  return (await run('/usr/bin/python3', ['-c', asJson, yaml])).stdout;
}
