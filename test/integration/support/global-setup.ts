/** vitest's globalSetup of the projects that want real services: one set of containers a run, removed at its end. */
export { openRun as default } from './shared-run.ts';
