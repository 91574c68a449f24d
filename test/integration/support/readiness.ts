import type { ServiceProcess } from '../../../src/testing/service-process.ts';
import { until } from '../../../src/testing/until.ts';

const TIMEOUT_MS = 60_000;

/** Waits until `/ready` names this error. Throws after a minute. */
export function untilError(service: ServiceProcess, error: string): Promise<void> {
  return until(`/ready names ${error}`, async () => (await service.problems())?.includes(error) ?? false, TIMEOUT_MS);
}

/** Waits until `/ready` names no error any more. Throws after a minute. */
export function untilNoError(service: ServiceProcess): Promise<void> {
  return until('/ready names no error', async () => (await service.problems())?.length === 0, TIMEOUT_MS);
}
