/** The life of the service. The table names what may follow what; the compiler sees that no state and no event is forgotten. */
export type State = 'starting' | 'running' | 'restarting' | 'draining' | 'stopped' | 'failed';
export type LifecycleEvent = 'connected' | 'broke' | 'stop' | 'drained' | 'gave_up';

const NEXT: Record<State, Record<LifecycleEvent, State | null>> = {
  starting: { connected: 'running', broke: 'restarting', stop: 'draining', drained: null, gave_up: 'failed' },
  running: { connected: null, broke: 'restarting', stop: 'draining', drained: null, gave_up: 'failed' },
  restarting: { connected: 'running', broke: 'restarting', stop: 'draining', drained: null, gave_up: 'failed' },
  draining: { connected: null, broke: null, stop: null, drained: 'stopped', gave_up: 'failed' },
  stopped: { connected: null, broke: null, stop: null, drained: null, gave_up: null },
  failed: { connected: null, broke: null, stop: null, drained: null, gave_up: null },
};

/** The state after an event; the same state where the event has no meaning in it (a second SIGTERM, an error while draining). */
export function nextState(state: State, event: LifecycleEvent): State {
  return NEXT[state][event] ?? state;
}
