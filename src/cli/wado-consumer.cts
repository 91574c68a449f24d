#!/usr/bin/env node
// The command itself is an ES module (main.ts). This door to it is CommonJS because libuv reads the size of its thread pool once, when
// the pool is first used, and Node's ES module loader is the first to use it: set in there, it would come too late.
// Each pending consume() of the Kafka client holds a thread of the pool, beside the file and DNS calls of everything else.
process.env.UV_THREADPOOL_SIZE ??= '16';
void import('./main.js');
