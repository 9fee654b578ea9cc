export { batch } from './batch.ts';
export { build } from './build.ts';
export { deployment } from './deployment.ts';
export { gc } from './gc.ts';
export { maintenance } from './maintenance.ts';
export { rollout } from './rollout.ts';
