/** Starts a stack whose service refuses its configuration, and prints the error. Ends by itself if the failed stack keeps nothing open. */
import { startStack } from '../../dist/src/testing/index.js';

await startStack({ broker: 'embedded', database: 'pglite', args: ['--set', 'nonsense.here=1'] }).catch((error) =>
  console.log(error.message),
);
