import { Command } from 'commander';
import { loadConfig } from '../../config/load.ts';
import { type DeadLetter, matches } from '../../dead-letters/read-dead-letter.ts';
import { addConfigFlag, type ConfigFlagOptions, configArguments, wholeNumber } from '../config-options.ts';
import { print } from '../output.ts';
import { count, table } from '../terminal/table.ts';
import { FILTER, withDeadLetters } from './dead-letter-topic.ts';

interface ListFlags extends ConfigFlagOptions {
  readonly json?: boolean;
  readonly filter?: string;
  readonly limit?: number;
}

export function listCommand(): Command {
  return addConfigFlag(new Command('list'))
    .description('List dead letters, one per line: position, code, trace id, time and origin. Values are not shown')
    .option('--json', 'print one JSON object per line')
    .option('--filter <text>', FILTER)
    .option('--limit <n>', 'at most N dead letters', wholeNumber)
    .action(async (flags: ListFlags) => {
      const config = loadConfig(flags.config, configArguments(flags));
      const summaries: Summary[] = [];
      await withDeadLetters(config, {}, async (letters) => {
        let listed = 0;
        if (flags.limit === 0) return;
        for await (const letter of letters) {
          if (!matches(letter, flags.filter)) continue;
          listed++;
          const summary = summaryOf(letter);
          if (flags.json !== true) summaries.push(summary);
          else if (!(await print(`${JSON.stringify(summary)}\n`))) return;
          if (listed === flags.limit) return;
        }
      });
      if (flags.json === true) return;
      const columns = process.stdout.isTTY ? process.stdout.columns : undefined;
      await print(`${listing(summaries, columns)}\n${count(summaries.length)} dead letters\n`);
    });
}

/** What is shown of a dead letter: places, times, codes, and the key where it is a trace id. */
export interface Summary {
  /** `PARTITION:OFFSET` in the dead-letter topic. */
  readonly at: string;
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly code: string;
  readonly exception: string;
  readonly message: string;
  readonly trace_id: string | null;
  /** `TOPIC/PARTITION:OFFSET` that the record came from. */
  readonly from: string | null;
  readonly redrives: number;
}

export function summaryOf({ record, code, exception, message, traceId, origin, redrives }: DeadLetter): Summary {
  return {
    at: `${record.partition}:${record.offset}`,
    time: new Date(record.timestamp).toISOString(),
    code,
    exception,
    message,
    trace_id: traceId ?? null,
    from: origin === undefined ? null : `${origin.topic}/${origin.partition}:${origin.offset}`,
    redrives,
  };
}

/** A table, cut to `columns` terminal columns: the message, which may be long, comes last. */
export function listing(summaries: readonly Summary[], columns: number | undefined): string {
  const rows = summaries.map(({ at, time, code, message, trace_id, from, redrives }) => [
    at,
    code,
    trace_id,
    `${time.slice(0, 19)}Z`,
    redrives,
    from,
    message,
  ]);
  return table(['at', 'code', 'trace id', 'time', 'redrives', 'from', 'message'], rows, columns);
}
