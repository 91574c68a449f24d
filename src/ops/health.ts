/**
 * Tracks which components are connected: the body of `/ready`, in Redpanda Connect's form. Errors are codes, never a
 * driver's message.
 */
import type { Component } from './metrics.ts';

export interface ComponentHealth {
  connected(): void;
  /** Not connected. `code` is one of ours or the driver's (`ECONNREFUSED`, `57P01`). */
  failed(code: string): void;
}

export interface ComponentStatus extends Component {
  readonly connected: boolean;
  readonly error?: string;
}

export interface Readiness {
  readonly ready: boolean;
  readonly body: { readonly error?: string; readonly statuses: readonly ComponentStatus[] };
}

export interface Health {
  /** Adds an input or output. It counts as not connected until its first `connected()`. */
  component(component: Component): ComponentHealth;
  /** Adds components of which one is enough to be ready. `statuses` names those that are not connected in any case. */
  alternatives(components: readonly Component[]): readonly ComponentHealth[];
  /** Not ready from now on: the service is shutting down. */
  stopping(): void;
  readiness(): Readiness;
}

const NOT_YET = 'not_connected_yet';

export function createHealth(): Health {
  const statuses = new Map<string, ComponentStatus>();
  const alternatives: (readonly string[])[] = [];
  let stopping = false;

  const component = ({ label, path }: Component): ComponentHealth => {
    const key = keyOf({ label, path });
    statuses.set(key, { label, path, connected: false, error: NOT_YET });
    return {
      connected: () => statuses.set(key, { label, path, connected: true }),
      failed: (code) => statuses.set(key, { label, path, connected: false, error: code }),
    };
  };
  const isConnected = (key: string) => statuses.get(key)?.connected === true;
  const isReady = () => {
    const optional = new Set(alternatives.flat());
    const required = [...statuses.keys()].filter((key) => !optional.has(key));
    return required.every(isConnected) && alternatives.every((keys) => keys.some(isConnected));
  };

  return {
    component,
    alternatives: (components) => {
      alternatives.push(components.map(keyOf));
      return components.map(component);
    },
    stopping: () => {
      stopping = true;
    },
    readiness: () => {
      const all = [...statuses.values()];
      const error = stopping ? 'stopping' : all.length === 0 ? 'starting' : undefined;
      const ready = error === undefined && isReady();
      return { ready, body: { ...(error === undefined ? {} : { error }), statuses: all } };
    },
  };
}

function keyOf({ label, path }: Component): string {
  return `${path}\0${label}`;
}
