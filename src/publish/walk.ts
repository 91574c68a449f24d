import { opendir, realpath } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Yields the regular files below a folder one at a time, so that a store of millions needs no list in memory. Symbolic
 * links are not followed, since a link to a parent would never end. Calls `onUnreadable` for a subfolder that can't be
 * listed and skips it. Rejects with Node's error if the folder itself can't be opened.
 */
export async function* walkFiles(folder: string, onUnreadable: () => void): AsyncGenerator<string> {
  const root = await realpath(folder);
  const pending = [root];
  for (let current = pending.pop(); current !== undefined; current = pending.pop()) {
    try {
      for await (const entry of await opendir(current)) {
        const path = join(current, entry.name);
        if (entry.isDirectory()) pending.push(path);
        else if (entry.isFile()) yield path;
      }
    } catch (error) {
      if (current === root) throw error;
      onUnreadable();
    }
  }
}
