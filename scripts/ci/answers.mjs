/** Waits until a URL answers 200: `node scripts/ci/answers.mjs URL SECONDS`. Exit code 1 after a timeout. */
const [url, seconds] = process.argv.slice(2);
const end = performance.now() + Number(seconds) * 1000;
let last = 'no answer';
while (performance.now() < end) {
  last = await fetch(url, { signal: AbortSignal.timeout(2_000) }).then(
    (answer) => answer.status,
    (error) => error.cause?.code ?? error.name,
  );
  if (last === 200) process.exit(0);
  await new Promise((resolve) => setTimeout(resolve, 200));
}
console.error(`${url}: ${last}`);
process.exit(1);
