/*
 * Lets chosen file operations of a process fail. Preloaded (LD_PRELOAD); a page that the tests map too, the file that FAULTS_PAGE names,
 * says which: so one process can be given one fault after another. shim.ts has the same layout.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PATH_BYTES 1024
#define LOG_BYTES (1 << 20)

enum { WRITE, FSYNC, RENAME, OPEN, MKDIR, LINK, UNLINK, TRUNCATE, CLOSE, READ, OPEN_TO_READ, STAT, LIST };
static const char *const names[] = {"write", "fsync", "rename", "open",         "mkdir", "link", "unlink",
                                    "truncate", "close", "read", "open to read", "stat",  "list"};

struct page {
  _Atomic uint32_t watched; /* operations to count, as bits; 0: none */
  uint32_t nth;             /* the one that fails, from 1; 0: none */
  uint32_t sticky;          /* all from there fail */
  uint32_t error;           /* errno; 0: a write writes half of what it is given */
  _Atomic uint32_t count;   /* watched operations so far */
  _Atomic uint32_t failed;  /* how many of them failed */
  _Atomic uint32_t logged;  /* bytes of the log */
  char path[PATH_BYTES];    /* what a path must contain */
  char log[LOG_BYTES];      /* a line per watched operation: its name, a tab, its path; the failed ones begin with ! */
};

static struct page *page;

__attribute__((constructor)) static void map_page(void) {
  const char *path = getenv("FAULTS_PAGE");
  int file = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC) : -1;
  if (file < 0) return;
  void *mapped = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapped != MAP_FAILED) page = mapped;
  syscall(SYS_close, file);
}

static void record(const char *name, const char *path, int fails) {
  char line[PATH_BYTES + 64];
  int length = snprintf(line, sizeof line, "%s%s\t%s\n", fails ? "!" : "", name, path);
  if (length <= 0 || length >= (int)sizeof line) return;
  uint32_t at = atomic_fetch_add(&page->logged, (uint32_t)length);
  if (at + (uint32_t)length <= LOG_BYTES) memcpy(page->log + at, line, (size_t)length);
}

/* Whether this operation on this path is to fail; sets errno. */
static int fails(int operation, const char *path) {
  if (!page || !path) return 0;
  if (!(atomic_load(&page->watched) & (1u << operation)) || !strstr(path, page->path)) return 0;
  uint32_t now = atomic_fetch_add(&page->count, 1) + 1;
  int hit = page->nth && (now == page->nth || (page->sticky && now > page->nth));
  record(names[operation], path, hit);
  if (!hit) return 0;
  atomic_fetch_add(&page->failed, 1);
  errno = (int)page->error;
  return 1;
}

static int fails_on(int operation, int file) {
  if (!page || !(atomic_load(&page->watched) & (1u << operation))) return 0;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return fails(operation, path);
}

#define REAL(name)                                                                                                     \
  static __typeof__(name) *real;                                                                                       \
  if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

#define FAIL_OR_SHORTEN(length)                                                                                        \
  if (fails_on(WRITE, file)) {                                                                                         \
    if (page->error) return -1;                                                                                        \
    if ((length) > 1) (length) /= 2;                                                                                   \
  }

ssize_t write(int file, const void *bytes, size_t length) {
  REAL(write);
  FAIL_OR_SHORTEN(length)
  return real(file, bytes, length);
}
ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t at) {
  REAL(pwrite64);
  FAIL_OR_SHORTEN(length)
  return real(file, bytes, length, at);
}
ssize_t writev(int file, const struct iovec *pieces, int count) {
  REAL(writev);
  FAIL_OR_SHORTEN(count)
  return real(file, pieces, count);
}
ssize_t pwritev64(int file, const struct iovec *pieces, int count, off64_t at) {
  REAL(pwritev64);
  FAIL_OR_SHORTEN(count)
  return real(file, pieces, count, at);
}

ssize_t read(int file, void *bytes, size_t length) {
  REAL(read);
  return fails_on(READ, file) ? -1 : real(file, bytes, length);
}
ssize_t pread64(int file, void *bytes, size_t length, off64_t at) {
  REAL(pread64);
  return fails_on(READ, file) ? -1 : real(file, bytes, length, at);
}
ssize_t readv(int file, const struct iovec *pieces, int count) {
  REAL(readv);
  return fails_on(READ, file) ? -1 : real(file, pieces, count);
}
ssize_t preadv64(int file, const struct iovec *pieces, int count, off64_t at) {
  REAL(preadv64);
  return fails_on(READ, file) ? -1 : real(file, pieces, count, at);
}

int fsync(int file) {
  REAL(fsync);
  return fails_on(FSYNC, file) ? -1 : real(file);
}
int fdatasync(int file) {
  REAL(fdatasync);
  return fails_on(FSYNC, file) ? -1 : real(file);
}
int ftruncate64(int file, off64_t length) {
  REAL(ftruncate64);
  return fails_on(TRUNCATE, file) ? -1 : real(file, length);
}
/* As the kernel does, the file is closed all the same. */
int close(int file) {
  REAL(close);
  int hit = fails_on(CLOSE, file), error = errno;
  int result = real(file);
  if (!hit) return result;
  errno = error;
  return -1;
}

int rename(const char *from, const char *to) {
  REAL(rename);
  return fails(RENAME, to) ? -1 : real(from, to);
}
int link(const char *from, const char *to) {
  REAL(link);
  return fails(LINK, to) ? -1 : real(from, to);
}
int unlink(const char *path) {
  REAL(unlink);
  return fails(UNLINK, path) ? -1 : real(path);
}
int rmdir(const char *path) {
  REAL(rmdir);
  return fails(UNLINK, path) ? -1 : real(path);
}
int mkdir(const char *path, mode_t mode) {
  REAL(mkdir);
  return fails(MKDIR, path) ? -1 : real(path, mode);
}
char *mkdtemp(char *path) {
  REAL(mkdtemp);
  return fails(MKDIR, path) ? NULL : real(path);
}
int open64(const char *path, int flags, ...) {
  REAL(open64);
  va_list more;
  va_start(more, flags);
  mode_t mode = va_arg(more, mode_t);
  va_end(more);
  int operation = flags & (O_WRONLY | O_RDWR | O_CREAT) ? OPEN : OPEN_TO_READ;
  return fails(operation, path) ? -1 : real(path, flags, mode);
}

int access(const char *path, int mode) {
  REAL(access);
  return fails(STAT, path) ? -1 : real(path, mode);
}
int scandir64(const char *path, struct dirent64 ***list, int (*choose)(const struct dirent64 *),
              int (*compare)(const struct dirent64 **, const struct dirent64 **)) {
  REAL(scandir64);
  return fails(LIST, path) ? -1 : real(path, list, choose, compare);
}
/* libuv calls statx and close so */
long syscall(long number, ...) {
  static long (*real)(long, ...);
  if (!real) real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  long a[6];
  va_list more;
  va_start(more, number);
  for (int i = 0; i < 6; i++) a[i] = va_arg(more, long);
  va_end(more);
  if (number == SYS_statx && fails(STAT, (const char *)a[1])) return -1;
  if (number == SYS_close && fails_on(CLOSE, (int)a[0])) {
    int error = errno;
    real(number, a[0]);
    errno = error;
    return -1;
  }
  return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
