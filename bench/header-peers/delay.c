/*
 * Simulates a slow file system by LD_PRELOAD: every open, read and stat of a file below $DELAY_PREFIX takes $DELAY_US microseconds longer;
 * with $DELAY_WHILE only while that file exists.
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

static unsigned char slow[65536];

static const char *prefix(void) {
  static const char *value;
  if (value == NULL) value = getenv("DELAY_PREFIX");
  return value;
}

static void wait_for_storage(void) {
  const char *us = getenv("DELAY_US");
  const char *flag = getenv("DELAY_WHILE");
  if (flag != NULL && access(flag, F_OK) != 0) return;
  if (us != NULL) usleep((useconds_t)atoi(us));
}

/* True for a path below the prefix, or below a directory handle that was opened there. */
static int is_slow(const char *path) {
  const char *begin = prefix();
  if (begin == NULL || path == NULL) return 0;
  if (strncmp(path, begin, strlen(begin)) == 0) return 1;
  int descriptor;
  return (sscanf(path, "/proc/self/fd/%d/", &descriptor) == 1 || sscanf(path, "/proc/%*d/fd/%d/", &descriptor) == 1) && descriptor >= 0 && descriptor < 65536 && slow[descriptor];
}

static int opened(int descriptor, int was_slow) {
  if (descriptor >= 0 && descriptor < 65536) slow[descriptor] = (unsigned char)was_slow;
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
    int was_slow = is_slow(path);                                          \
    if (was_slow) wait_for_storage();                                      \
    return opened(real(path, flags, mode), was_slow);                      \
  }
OPEN(open)
OPEN(open64)

#define READ(name, offset_type)                                            \
  ssize_t name(int descriptor, void *buffer, size_t size, offset_type at) { \
    static ssize_t (*real)(int, void *, size_t, offset_type);              \
    if (real == NULL) real = (ssize_t (*)(int, void *, size_t, offset_type))dlsym(RTLD_NEXT, #name); \
    if (descriptor >= 0 && descriptor < 65536 && slow[descriptor]) wait_for_storage(); \
    return real(descriptor, buffer, size, at);                             \
  }
READ(pread, off_t)
READ(pread64, off64_t)

int statx(int directory, const char *restrict path, int flags, unsigned int mask, struct statx *restrict buffer) {
  static int (*real)(int, const char *, int, unsigned int, struct statx *);
  if (real == NULL) real = (int (*)(int, const char *, int, unsigned int, struct statx *))dlsym(RTLD_NEXT, "statx");
  if (is_slow(path) || (directory >= 0 && directory < 65536 && slow[directory])) wait_for_storage();
  return real(directory, path, flags, mask, buffer);
}
