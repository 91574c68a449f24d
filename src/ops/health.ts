/**
 * Tracks which components are connected: the body of `/ready`, in Redpanda Connect's form. Errors are codes, never a
 * driver's message.
 */
import type { Component } from './metrics.ts';

/** Reports the state of one component. */
export interface ComponentHealth {
  connected(): void;
  /**
   * The component is not connected. `code` is one of ours or the driver's (`ECONNREFUSED`, `57P01`); `since` when, where
   * that is known.
   */
  failed(code: string, since?: Date): void;
}

/** The state of one component in `/ready`. */
export interface ComponentStatus extends Component {
  readonly connected: boolean;
  readonly error?: string;
  /** ISO 8601, UTC. */
  readonly since?: string;
}

/** The answer of `/ready`. */
export interface Readiness {
  readonly ready: boolean;
  readonly body: { readonly error?: string; readonly statuses: readonly ComponentStatus[] };
}

/** The state of all components. */
export interface Health {
  /** Adds an input or output. It counts as not connected until its first `connected()`. */
  component(component: Component): ComponentHealth;
  /** Adds components of which one connected one is enough to be ready; without any, none is needed. The body always lists all of them. */
  alternatives(components: readonly Component[]): readonly ComponentHealth[];
  /** Marks the service as shutting down, so that it is no longer ready. */
  stopping(): void;
  readiness(): Readiness;
}

const NOT_YET = 'not_connected_yet';

/** Creates the state without components. */
export function createHealth(): Health {
  const statuses = new Map<string, ComponentStatus>();
  const alternatives: (readonly string[])[] = [];
  let stopping = false;

  const component = ({ label, path }: Component): ComponentHealth => {
    const key = keyOf({ label, path });
    statuses.set(key, { label, path, connected: false, error: NOT_YET });
    return {
      connected: () => statuses.set(key, { label, path, connected: true }),
      failed: (code, since) =>
        statuses.set(key, {
          label,
          path,
          connected: false,
          error: code,
          ...(since === undefined ? {} : { since: since.toISOString() }),
        }),
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
      if (components.length > 0) alternatives.push(components.map(keyOf));
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
