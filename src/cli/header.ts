import { Command, Option } from 'commander';
import { readHeaderFile } from '../dicom/files/read-header.ts';
import { CliError, EXIT } from './cli-error.ts';
import { print } from './output.ts';

interface HeaderOptions {
  readonly tenant: string;
}

/**
 * `header FILE…`: prints the records that the service would make of each file, one JSON object per line. Exits with 2 when a file can't be
 * read. Storage roots don't apply: the user may name any file.
 */
export function headerCommand(): Command {
  return (
    new Command('header')
      .description(
        'Print the state and image record of DICOM files, one JSON line per file; exit code 2 if a file cannot be read',
      )
      .argument('<file...>', 'DICOM files')
      .option('--tenant <id>', 'the tenant_id of the records', 'tenant1')
      // Has no effect. Earlier versions needed it for exit code 2, so scripts may still pass it.
      .addOption(new Option('--strict').hideHelp())
      .action(async (files: readonly string[], options: HeaderOptions) => {
        let failed = 0;
        for (const { ok, line } of headerLines(files, options.tenant)) {
          if (!ok) failed++;
          if (!(await print(`${line}\n`))) return;
        }
        if (failed > 0) throw new CliError(EXIT.failures, `${failed} of ${files.length} files could not be read`);
      })
  );
}

/** One JSON object per file: `{file, ok: true, state, image}` or `{file, ok: false, error: "code[:ATTRIBUTE]"}`. */
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
