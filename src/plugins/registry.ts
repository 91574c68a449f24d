/** The plugins for Redpanda Connect. Each has a manifest of its name in `plugins/`. */
import type { Plugin } from '../connect-plugin/index.ts';

/** The plugins by name. The code of each is loaded when it starts: the supervisor needs none of it. */
export const PLUGINS: Readonly<Record<string, Plugin>> = {
  group_dicom_state: {
    type: 'processor',
    start: async (config) => (await import('./group-dicom-state.ts')).startGroupDicomState(config),
  },
  dicom_store: {
    type: 'output',
    start: async (config) => (await import('./dicom-store.ts')).startDicomStore(config),
  },
};
