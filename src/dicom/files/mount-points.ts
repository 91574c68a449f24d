/** Reads mount points, to distinguish a lost mount from an empty directory. */
import { readFile, realpath } from 'node:fs/promises';

/** The mount points of this process (`mountinfo` in proc(5)); none without /proc. */
export async function readMountPoints(): Promise<readonly string[]> {
  const text = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    const mountPoint = line.split(' ')[4];
    return mountPoint === undefined ? [] : [unescapeOctal(mountPoint)];
  });
}

/**
 * Remembers the mount of each directory. After a mount is lost, the directory below it becomes visible. It is usually
 * empty, so every file would count as missing.
 */
export class MountMemory {
  readonly #mountPoints: () => Promise<readonly string[]>;
  readonly #seen = new Map<string, string>();

  constructor(mountPoints: () => Promise<readonly string[]> = readMountPoints) {
    this.#mountPoints = mountPoints;
  }

  /** Whether the directory was on a mount that is no longer there. Rejects with file system errors. */
  async isLost(directory: string): Promise<boolean> {
    const real = await realpath(directory);
    const mountPoints = await this.#mountPoints();
    const mountPoint = mountPoints.filter((each) => isWithin(each, real)).reduce(longer, '');
    const seen = this.#seen.get(directory) ?? '';
    if (mountPoint.length < seen.length) return true;
    this.#seen.set(directory, mountPoint);
    return false;
  }
}

function longer(a: string, b: string): string {
  return b.length > a.length ? b : a;
}

function isWithin(mountPoint: string, directory: string): boolean {
  return directory === mountPoint || directory.startsWith(mountPoint.endsWith('/') ? mountPoint : `${mountPoint}/`);
}

/** Space, tab, newline and backslash are written as \040, \011, \012 and \134. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
