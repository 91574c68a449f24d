import { existsSync } from 'node:fs';
import type { Pipeline } from '../../../src/testing/pipeline.ts';

interface Readiness {
  readonly statuses: readonly { readonly error?: string }[];
}

/** Where the pipeline's service listens, as its log says; undefined before it does. */
export function urlOf(pipeline: Pipeline): string | undefined {
  if (!existsSync(pipeline.log)) return undefined;
  return /"url":"([^"]+)"/.exec(pipeline.logText())?.[1];
}

/** The error codes of what isn't connected, as the service's `/ready` tells them. */
async function errorsOf(pipeline: Pipeline): Promise<readonly string[]> {
  const url = urlOf(pipeline);
  if (url === undefined) return [];
  const { statuses } = (await (await fetch(`${url}/ready`)).json()) as Readiness;
  return statuses.flatMap(({ error }) => (error === undefined ? [] : [error]));
}

/** Waits until `/ready` names this error. Throws after a minute. */
export function untilError(pipeline: Pipeline, error: string): Promise<void> {
  return until(pipeline, (errors) => errors.includes(error));
}

/** Waits until `/ready` names no error any more. Throws after a minute. */
export function untilNoError(pipeline: Pipeline): Promise<void> {
  return until(pipeline, (errors) => errors.length === 0);
}

async function until(pipeline: Pipeline, enough: (errors: readonly string[]) => boolean): Promise<void> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const errors = await errorsOf(pipeline);
    if (enough(errors)) return;
    if (performance.now() > deadline) throw new Error(`after a minute /ready still says: ${errors.join(', ')}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
