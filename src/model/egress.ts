import { z } from 'zod';

/**
 * What a sandbox may reach during a phase. `open`: the internet; `interceptor-only`: nothing but Harbor's LLM
 * interceptor; `none`: nothing at all.
 */
export const egressModes = ['open', 'interceptor-only', 'none'] as const;
export type EgressMode = (typeof egressModes)[number];

/** Egress per phase; an absent phase is `open`, as users of the existing client expect. */
export const egressSchema = z.object({
  agent: z.enum(egressModes).optional().describe('What the agent may reach. Absent: `open`.'),
  tests: z.enum(egressModes).optional().describe('What the tests may reach. Absent: `open`.'),
});
export type Egress = z.infer<typeof egressSchema>;
