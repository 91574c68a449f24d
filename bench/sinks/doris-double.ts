/** A double of a Doris cluster in a process of its own, so that its work isn't counted as the sink's. Sends its DSN to the parent process. */
import { startDorisDouble } from '../../test/support/doris/double.ts';

const double = await startDorisDouble();
process.send?.(double.dsn());
process.once('disconnect', () => process.exit());
