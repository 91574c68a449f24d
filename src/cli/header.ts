import { Command } from 'commander';
import { readHeaderFile } from '../dicom/files/read-header.ts';
import { CliError, EXIT } from './cli-error.ts';
import { print } from './output.ts';

interface HeaderOptions {
  readonly tenant: string;
  readonly strict: boolean;
}

/** `header FILE…`: what the service would make of each file, one JSON object a line. It opens whatever it is given, on no server. */
export function headerCommand(): Command {
  return new Command('header')
    .description('Print the state and image record of DICOM files, one JSON line a file')
    .argument('<file...>', 'DICOM files')
    .option('--tenant <id>', 'the tenant_id of the records', 'tenant1')
    .option('--strict', 'exit code 2 if a file could not be read as the contract asks', false)
    .action(async (files: readonly string[], options: HeaderOptions) => {
      let failed = 0;
      for (const { ok, line } of headerLines(files, options.tenant)) {
        if (!ok) failed++;
        if (!(await print(`${line}\n`))) return;
      }
      if (options.strict && failed > 0) throw new CliError(EXIT.failures, `${failed} of ${files.length} files failed`);
    });
}

/** One JSON object a file, whatever the file is: `{file, ok: true, state, image}` or `{file, ok: false, error: "code[:ATTRIBUTE]"}`. */
export function* headerLines(
  files: readonly string[],
  tenantId: string,
): Generator<{ readonly ok: boolean; readonly line: string }> {
  for (const file of files) {
    const reading = readHeaderFile(file, tenantId);
    const { ok } = reading;
    yield {
      ok,
      line: JSON.stringify(
        reading.ok
          ? { file, ok, state: reading.state, image: reading.image }
          : { file, ok, error: reading.error.message },
      ),
    };
  }
}
