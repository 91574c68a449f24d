/*
 * A system clock that jumps, for one process that preloads this library. The file CLOCK_SHIFT_FILE contains whole seconds and is read
 * every 20 ms. They are added to the time of day. A wait until a time of day ends when the shifted clock reaches it, as in the kernel
 * after the clock was set. (libfaketime turns such waits into durations at their start, which hides the effect of a jump.) The monotonic
 * clock is not changed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define SLICE_NS 20000000LL
/* In seconds: times of day are above it, monotonic times (since the boot) below it. */
#define TIME_OF_DAY 1000000000LL

static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*real_timedwait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
static long long shift_s;
static long long read_at_ns;

__attribute__((constructor)) static void find(void) {
  real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
  real_timedwait = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
}

static long long now_ns(clockid_t id) {
  struct timespec t;
  if (real_clock_gettime == NULL) find();
  real_clock_gettime(id, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long shift(void) {
  long long now = now_ns(CLOCK_MONOTONIC);
  if (now - __atomic_load_n(&read_at_ns, __ATOMIC_RELAXED) > SLICE_NS) {
    const char *path = getenv("CLOCK_SHIFT_FILE");
    int saved = errno, file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    char text[32] = {0};
    __atomic_store_n(&read_at_ns, now, __ATOMIC_RELAXED);
    if (file >= 0) {
      if (read(file, text, sizeof text - 1) > 0) __atomic_store_n(&shift_s, atoll(text), __ATOMIC_RELAXED);
      close(file);
    }
    errno = saved;
  }
  return __atomic_load_n(&shift_s, __ATOMIC_RELAXED);
}

int clock_gettime(clockid_t id, struct timespec *t) {
  if (real_clock_gettime == NULL) find();
  int result = real_clock_gettime(id, t);
  if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) t->tv_sec += shift();
  return result;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone) {
  long long now = now_ns(CLOCK_REALTIME);
  (void)zone;
  t->tv_sec = now / 1000000000LL + shift();
  t->tv_usec = now % 1000000000LL / 1000;
  return 0;
}

time_t time(time_t *t) {
  time_t now = now_ns(CLOCK_REALTIME) / 1000000000LL + shift();
  if (t != NULL) *t = now;
  return now;
}

int timespec_get(struct timespec *t, int base) {
  return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, t) == 0 ? base : 0;
}

int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex, const struct timespec *restrict until) {
  if (until->tv_sec < TIME_OF_DAY) return real_timedwait(cond, mutex, until);
  long long due = until->tv_sec * 1000000000LL + until->tv_nsec;
  for (;;) {
    long long now = now_ns(CLOCK_REALTIME), left = due - (now + shift() * 1000000000LL);
    if (left <= 0) return ETIMEDOUT;
    long long end = now + (left < SLICE_NS ? left : SLICE_NS);
    struct timespec slice = {end / 1000000000LL, end % 1000000000LL};
    int result = real_timedwait(cond, mutex, &slice);
    if (result != ETIMEDOUT) return result;
  }
}

int cnd_timedwait(cnd_t *restrict cond, mtx_t *restrict mutex, const struct timespec *restrict until) {
  int result = pthread_cond_timedwait((pthread_cond_t *)cond, (pthread_mutex_t *)mutex, until);
  return result == 0 ? thrd_success : result == ETIMEDOUT ? thrd_timedout : thrd_error;
}
