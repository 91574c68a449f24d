/** Entry point of a reader thread, which the pool starts: receives batches and answers with their rows. It also looks up files. */
import { parentPort, workerData } from 'node:worker_threads';
import { BatchReader } from './batch-reader.ts';
import { FileLookup } from './file-lookup.ts';
import {
  type BatchRequest,
  CURRENT_FILE,
  LOOKUP,
  type LookupRequest,
  PROGRESS,
  type WorkerMessage,
  type WorkerSettings,
} from './messages.ts';
import { RootPaths } from './root-paths.ts';
import { StorageRoots } from './storage-roots.ts';

/** Interval in milliseconds for closing unused directory handles of an idle worker. */
const RELEASE_EVERY = 10_000;

const port = parentPort;
if (port !== null) serve(port, workerData);

function serve(
  requests: NonNullable<typeof parentPort>,
  { storageRoots, fileTimeoutMs, counters }: WorkerSettings,
): void {
  const shared = new Int32Array(counters);
  const roots = new StorageRoots(storageRoots);
  const paths = new RootPaths(storageRoots);
  const onProgress = () => {
    Atomics.add(shared, PROGRESS, 1);
  };
  const options = {
    ...(storageRoots.length > 1 ? { rootOf: (path: string) => paths.indexOf(path) } : {}),
    timeoutMs: fileTimeoutMs,
    onProgress,
  };
  const lookup = new FileLookup({
    ...options,
    onBlocking: (blocks) => {
      Atomics.store(shared, CURRENT_FILE, blocks ? LOOKUP : 0);
    },
  });
  const reader = new BatchReader(roots, {
    ...options,
    onFile: (index) => {
      Atomics.store(shared, CURRENT_FILE, index + 1);
    },
  });
  const answer = (message: WorkerMessage): void =>
    requests.postMessage(message, message.kind === 'batch' ? [message.jsons] : []);
  requests.on('message', (request: BatchRequest | LookupRequest) => {
    if (request.kind === 'lookup') {
      const { id, paths, mayBlock } = request;
      void lookup.missing(paths, mayBlock).then((missing) => answer({ kind: 'lookup', id, missing }));
      return;
    }
    reader.read(request).then(answer, (error: unknown) => {
      answer({ kind: 'bug', id: request.id, where: placesOf(error) });
    });
  });
  setInterval(() => roots.releaseIdle(), RELEASE_EVERY).unref();
  answer({ kind: 'ready' });
}

/** Name and stack frames of an error. Its message is left out because it might quote a value. */
function placesOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const places = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return [error.name, ...places].join('\n');
}
