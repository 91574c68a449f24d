/** Runs `work`; rejects with the error of `expired`, which must end the work, if it takes longer than `ms` milliseconds. */
export async function withDeadline<T>(ms: number, expired: () => Error, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(expired()), ms);
  });
  try {
    return await Promise.race([work(), deadline]);
  } finally {
    clearTimeout(timer);
  }
}
