#!/usr/bin/env node
// The command is an ES module (main.ts). Its entry point is CommonJS because libuv reads the size of its thread pool when the pool is first
// used, and Node's ES module loader uses it first: setting the variable in main.ts would be too late.
// Each pending consume() of the Kafka client occupies a thread of the pool, which file and DNS calls use, too.
process.env.UV_THREADPOOL_SIZE ??= '160';
void import('./main.js');
