/**
 * Sends a signal to one process. Throws a RangeError unless `pid` is the id of one: to the system, 0 is the caller's process group, -1 every
 * process of the user, and other negative numbers are groups. 0 as the signal only checks. Throws an Error with `code` ESRCH or EPERM.
 */
export function signalProcess(pid: number, signal: NodeJS.Signals | 0): void {
  if (!Number.isSafeInteger(pid) || pid <= 0) throw new RangeError(`${pid} is not the id of a process`);
  process.kill(pid, signal);
}
