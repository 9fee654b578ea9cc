/** Where a sandbox finds an agent's binaries, read-only. */
export const toolboxPath = (agent: string): string => `/opt/harbor/agents/${agent}`;
