/** Redpanda Connect with this project's plugins as a child process, and the processes below it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pipeline } from '../../src/testing/pipeline.ts';
import type { ServiceProcess } from '../../src/testing/service-process.ts';
import { childrenOf } from '../connect-plugin/host.ts';
import { findConnect } from '../support/connect.ts';

/** The program that scripts/connect/build.sh has built. */
export const connect = findConnect();

const MANIFESTS = join(import.meta.dirname, '../../plugins/*.yaml');

/** The names of the plugins. */
export type PluginName = 'group_dicom_state' | 'dicom_store';

/** A running Redpanda Connect. */
export interface ConnectProcess extends ServiceProcess {
  /** The process that Connect started for a plugin. */
  supervisor(name: PluginName): number | undefined;
  /** The process in which the plugin itself runs. */
  worker(name: PluginName): number | undefined;
}

/** Runs the shipped redpanda.yaml, or `config`, on a pipeline's topics and database. */
export function startConnect(pipeline: Pipeline, env: Record<string, string> = {}, config?: string): ConnectProcess {
  const service = pipeline.start({ RPC_PLUGINS: MANIFESTS, ...env }, [], {
    command: [connect ?? ''],
    ...(config === undefined ? {} : { config }),
  });
  const supervisor = (name: PluginName) => childrenOf(service.pid).find((pid) => commandOf(pid).includes(name));
  return {
    ...service,
    supervisor,
    worker(name) {
      const parent = supervisor(name);
      return parent === undefined ? undefined : childrenOf(parent)[0];
    },
  };
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
