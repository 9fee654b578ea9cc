import type { MountSettings } from 'dockerode';
import type { Toolbox } from '../provider.ts';
import { putArchive, statPath } from './archives.ts';
import { withHelper } from './containers.ts';
import { ownLabels, type Engine } from './engine.ts';
import { filesTar, folderTar } from './tars.ts';

/** Written last: a toolbox that has it is whole. */
const marker = '.harbor-complete';

const place = (toolbox: Toolbox): string => `/opt/harbor/agents/${toolbox.name}`;

/** One for all installations on an engine: equal hashes have the same content. */
export const toolboxVolume = ({ name, hash }: Pick<Toolbox, 'name' | 'hash'>): string =>
  `harbor-toolbox-${name}-${hash}`;

/** The volume that holds a toolbox, where sandboxes see it. The engine makes it, empty, where it is not there. */
export function toolboxMount(engine: Engine, toolbox: Toolbox, readOnly = true): MountSettings {
  return {
    Type: 'volume',
    Source: toolboxVolume(toolbox),
    Target: place(toolbox),
    ReadOnly: readOnly,
    VolumeOptions: {
      NoCopy: true,
      Labels: ownLabels(engine, 'toolbox'),
      DriverConfig: { Name: 'local', Options: {} },
    },
  };
}

export interface Toolboxes {
  /**
   * Returns once the toolbox that a container has mounted is whole. Looked at each time, since `docker volume prune`
   * takes it whenever no sandbox is there. Filled through the engine's API: a path on this machine is none on the engine's.
   */
  readonly ensure: (container: string, image: string, toolbox: Toolbox) => Promise<void>;
}

export function createToolboxes(engine: Engine): Toolboxes {
  const filling = new Map<string, Promise<void>>();
  const ensure = async (container: string, image: string, toolbox: Toolbox): Promise<void> => {
    if (await statPath(engine, container, `${place(toolbox)}/${marker}`)) return;
    const key = `${toolbox.name} ${toolbox.hash}`;
    const running = filling.get(key) ?? fill(engine, image, toolbox).finally(() => filling.delete(key));
    filling.set(key, running);
    await running;
  };
  return { ensure };
}

async function fill(engine: Engine, image: string, toolbox: Toolbox): Promise<void> {
  engine.logger.info({ toolbox: toolbox.name, hash: toolbox.hash }, 'filling a toolbox');
  await withHelper(engine, { image, mounts: [toolboxMount(engine, toolbox, false)] }, async (helper) => {
    await putArchive(engine, helper, place(toolbox), folderTar(toolbox.directory));
    await putArchive(engine, helper, place(toolbox), await filesTar([{ path: marker, content: toolbox.hash }]));
  });
}
