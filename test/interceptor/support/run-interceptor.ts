import { readUpstreams } from '../../../src/interceptor/options.ts';
import { startInterceptor } from '../../../src/interceptor/main.ts';
import { z } from 'zod';
import { parseJson } from '../../../src/model/json.ts';

/** The program of an interceptor process under test: options as JSON in its argument, keys in its environment. */
const optionsSchema = z.object({
  directory: z.string(),
  publicPort: z.number(),
  publicHosts: z.array(z.string()),
  adminPort: z.number(),
  installationSecret: z.string(),
});

const { state } = await startInterceptor({
  ...parseJson(process.argv[2] ?? '', optionsSchema, 'options'),
  upstreams: readUpstreams(process.env),
  onError: (error) => process.stderr.write(`${error.stack}\n`),
});
process.stdout.write(`${JSON.stringify(state)}\n`);
