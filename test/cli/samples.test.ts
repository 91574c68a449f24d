import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { samplesCommand } from '../../src/cli/samples.ts';

describe('samples', () => {
  it('names the folder and the reason when it cannot write there', async () => {
    const file = fileURLToPath(import.meta.url);
    await expect(samplesCommand().parseAsync([file, '--studies', '1'], { from: 'user' })).rejects.toMatchObject({
      exitCode: 3,
      message: `writing studies to ${file} failed (ENOTDIR)`,
    });
  });
});
