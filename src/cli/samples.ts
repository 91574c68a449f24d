import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { systemCode } from '../errors.ts';
import { generateStudies } from '../samples/studies.ts';
import { CliError, EXIT } from './cli-error.ts';
import { print } from './output.ts';

interface SamplesOptions {
  readonly studies: number;
  readonly seed: number;
  readonly tenant: string;
}

/** `samples DIR`: writes generated studies as DICOM files, for `publish` and experiments. The same seed makes the same files. */
export function samplesCommand(): Command {
  return new Command('samples')
    .description('Write generated studies as DICOM files, to publish with the verb publish')
    .argument('<dir>', 'folder to write to; created if it is missing')
    .option('--studies <count>', 'number of studies', positiveInteger, 40)
    .option('--seed <number>', 'seed of the generator; the same seed makes the same files', positiveInteger, 1)
    .option('--tenant <id>', 'tenant_id, the name of the top folder in <dir>', 'tenant1')
    .action(async (dir: string, options: SamplesOptions) => {
      const written = await writeStudies(resolve(dir), options).catch((error: unknown) => {
        const code = systemCode(error);
        if (code === undefined) throw error;
        throw new CliError(EXIT.broke, `writing studies to ${dir} failed (${code})`, { cause: error });
      });
      await print(`wrote ${written.studies} studies, ${written.series} series, ${written.files} files\n`);
    });
}

async function writeStudies(store: string, { studies, seed, tenant }: SamplesOptions) {
  const written = { studies: 0, series: 0, files: 0 };
  const generated = generateStudies({
    seed,
    store,
    tenantId: tenant,
    origin: 'wado-consumer',
    poisonEvery: 0,
    repeatEvery: 0,
  });
  for (const study of generated) {
    for (const { file } of study.records) {
      if (file === undefined) continue;
      await mkdir(dirname(file.path), { recursive: true });
      await writeFile(file.path, file.bytes);
      written.files++;
    }
    written.series += study.series;
    written.studies++;
    if (written.studies === studies) break;
  }
  return written;
}

function positiveInteger(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new InvalidArgumentError('expected a whole number of at least 1');
  return number;
}
