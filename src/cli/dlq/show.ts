import { Command } from 'commander';
import { loadConfig } from '../../config/load.ts';
import { CliError, EXIT } from '../cli-error.ts';
import { addConfigFlag, type ConfigFlagOptions, configArguments } from '../config-options.ts';
import { print } from '../output.ts';
import { withDeadLetters } from './dead-letter-topic.ts';
import { summaryOf } from './list.ts';

export function showCommand(): Command {
  return addConfigFlag(new Command('show'))
    .description('Show one dead letter: its headers and, on request, its value, which names a patient')
    .argument('<at>', 'PARTITION:OFFSET, or OFFSET in partition 0')
    .option('--value', 'also print the value, byte for byte')
    .action(async (at: string, options: ConfigFlagOptions & { readonly value?: boolean }) => {
      const { partition, offset } = placeOf(at);
      const span = { partition, from: new Map([[partition, offset]]), to: new Map([[partition, offset + 1]]) };
      const config = loadConfig(options.config, configArguments(options));
      await withDeadLetters(config, span, async (letters) => {
        for await (const letter of letters) {
          const headers = letter.record.headers.map(([name, value]) => [name, value?.toString() ?? null]);
          await print(`${JSON.stringify({ ...summaryOf(letter), headers }, null, 2)}\n`);
          if (options.value !== true) return;
          await print(letter.record.value ?? 'null');
          await print('\n');
          return;
        }
        const { topic } = config.topics.deadLetter;
        throw new CliError(EXIT.failures, `there is no dead letter at ${partition}:${offset} of ${topic}`);
      });
    });
}

function placeOf(at: string): { readonly partition: number; readonly offset: number } {
  const match = /^(?:(\d+):)?(\d+)$/.exec(at);
  if (match === null) throw new CliError(EXIT.usage, `expected PARTITION:OFFSET, as dlq list prints it, not '${at}'`);
  return { partition: Number(match[1] ?? 0), offset: Number(match[2]) };
}
