/** Reports the largest size of its heap, in bytes. */
import { getHeapStatistics } from 'node:v8';
import { parentPort } from 'node:worker_threads';

parentPort?.postMessage({ kind: 'lookup', id: getHeapStatistics().heap_size_limit, missing: [] });
