import { endOnCrash } from '../ops/crash.ts';
import { EXIT } from './cli-error.ts';
import { endProcess } from './end-process.ts';
import { tolerateClosedPipes } from './output.ts';
import { runProgram } from './run-program.ts';

endOnCrash(EXIT.broke);
tolerateClosedPipes();
const exitCode = await runProgram(process.argv.slice(2));
// The native client and worker threads may keep the process alive, so it is ended explicitly: after stdout and stderr are flushed, or
// after a second when a reader is stuck.
const FLUSH_TIMEOUT_MS = 1_000;
setTimeout(() => void endProcess(exitCode), FLUSH_TIMEOUT_MS);
process.stdout.write('', () => process.stderr.write('', () => void endProcess(exitCode)));
