/** The process of reaper.ts. Its parent has ended or is done with it when the IPC channel closes. */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { signalProcess } from '../signal-process.ts';
import type { ReaperMessage } from './reaper.ts';

const processes = new Set<number>();
const containers = new Set<string>();
const folders = new Set<string>();

process.on('message', (message: ReaperMessage) => {
  if ('process' in message) processes.add(message.process);
  else if ('ended' in message) processes.delete(message.ended);
  else if ('container' in message) containers.add(message.container);
  else folders.add(message.folder);
});

process.on('disconnect', () => {
  for (const pid of processes) attempt(() => signalProcess(pid, 'SIGKILL'));
  if (containers.size > 0)
    attempt(() => execFileSync('docker', ['rm', '-f', '-v', ...containers], { stdio: 'ignore', timeout: 30_000 }));
  for (const folder of folders) attempt(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  process.exit(0);
});

process.on('SIGINT', () => undefined).on('SIGTERM', () => undefined);

/** What has ended or was removed already needs no action. */
function attempt(action: () => unknown): void {
  try {
    action();
  } catch {
    // It is gone.
  }
}
