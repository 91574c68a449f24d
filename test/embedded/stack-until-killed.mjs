/** Starts a stack and prints its processes and folders as JSON. Runs until it is killed. */
import { startStack } from '../../dist/src/testing/index.js';

const stack = await startStack({ broker: 'embedded', database: 'pglite' });
console.log(JSON.stringify(stack.leftovers));
setInterval(() => undefined, 60_000);
