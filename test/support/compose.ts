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
  const { stdout: yaml } = await run('docker-compose', ['config'], { cwd: root });
  const asJson = 'import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.argv[1])))';
  const { stdout } = await run('/usr/bin/python3', ['-c', asJson, yaml]);
  return parseJson(stdout, composeSchema, 'docker-compose.yml').services;
}
