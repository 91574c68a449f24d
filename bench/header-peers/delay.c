/*
 * Simulates a slow file system by LD_PRELOAD: every open, read and stat of a file below $DELAY_PREFIX takes $DELAY_US microseconds longer;
 * with $DELAY_WHILE only while that file exists, and with $DELAY_ONLY only if the path contains that text.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* What is known of a descriptor's path. */
enum { BELOW = 1, NAMED = 2 };
static unsigned char known[65536];

static const char *prefix(void) {
  static const char *value;
  if (value == NULL) value = getenv("DELAY_PREFIX");
  return value;
}

static void wait_for_storage(void) {
  const char *us = getenv("DELAY_US");
  const char *flag = getenv("DELAY_WHILE");
  /* In slices, so that removing the file also ends a long delay. */
  for (long left = us == NULL ? 0 : atol(us); left > 0; left -= 20000) {
    if (flag != NULL && access(flag, F_OK) != 0) return;
    usleep((useconds_t)(left < 20000 ? left : 20000));
  }
}

static int of_descriptor(int descriptor) { return descriptor >= 0 && descriptor < 65536 ? known[descriptor] : 0; }

/* BELOW for a path below the prefix, or below a directory handle that was opened there; with NAMED if it is a slow one. */
static int of_path(const char *path) {
  const char *begin = prefix();
  if (begin == NULL || path == NULL) return 0;
  int descriptor;
  int is_handle = sscanf(path, "/proc/self/fd/%d/", &descriptor) == 1 || sscanf(path, "/proc/%*d/fd/%d/", &descriptor) == 1;
  if (strncmp(path, begin, strlen(begin)) != 0 && !(is_handle && (of_descriptor(descriptor) & BELOW))) return 0;
  const char *only = getenv("DELAY_ONLY");
  return only == NULL || strstr(path, only) != NULL ? BELOW | NAMED : BELOW;
}

static int opened(int descriptor, int what) {
  if (descriptor >= 0 && descriptor < 65536) known[descriptor] = (unsigned char)what;
  return descriptor;
}

#define OPEN(name)                                                         \
  int name(const char *path, int flags, ...) {                             \
    static int (*real)(const char *, int, ...);                            \
    if (real == NULL) real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #name); \
    va_list rest;                                                          \
    va_start(rest, flags);                                                 \
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0; \
    va_end(rest);                                                          \
    int what = of_path(path);                                              \
    if (what & NAMED) wait_for_storage();                                  \
    return opened(real(path, flags, mode), what);                          \
  }
OPEN(open)
OPEN(open64)

#define READ(name, offset_type)                                            \
  ssize_t name(int descriptor, void *buffer, size_t size, offset_type at) { \
    static ssize_t (*real)(int, void *, size_t, offset_type);              \
    if (real == NULL) real = (ssize_t (*)(int, void *, size_t, offset_type))dlsym(RTLD_NEXT, #name); \
    if (of_descriptor(descriptor) & NAMED) wait_for_storage();            \
    return real(descriptor, buffer, size, at);                             \
  }
READ(pread, off_t)
READ(pread64, off64_t)

int statx(int directory, const char *restrict path, int flags, unsigned int mask, struct statx *restrict buffer) {
  static int (*real)(int, const char *, int, unsigned int, struct statx *);
  if (real == NULL) real = (int (*)(int, const char *, int, unsigned int, struct statx *))dlsym(RTLD_NEXT, "statx");
  if ((of_path(path) | of_descriptor(directory)) & NAMED) wait_for_storage();
  return real(directory, path, flags, mask, buffer);
}
