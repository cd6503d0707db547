/* Loaded into the daemon with LD_PRELOAD: counts every call that changes something below a folder, and kills the
 * process as it is about to make a chosen one. CRASH_BELOW is the folder, CRASH_AT the number (from 1), CRASH_LOG a
 * file that gets a line for each call, CRASH_TORN makes the chosen write happen by half. CRASH_POWER takes the power
 * away with it: the file system of the folder (ext4, XFS) stops, and forgets what was not flushed. CRASH_NO_FSYNC is a
 * part of the paths that are not flushed when that is asked for. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_int count;
static int at, torn, power, log_fd = -1;
static char below[PATH_MAX];
static const char *not_flushed;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("CRASH_BELOW"), *number = getenv("CRASH_AT"), *log = getenv("CRASH_LOG");
    if (folder) snprintf(below, sizeof below, "%s/", folder);
    if (number) at = atoi(number);
    torn = getenv("CRASH_TORN") != NULL;
    power = getenv("CRASH_POWER") != NULL;
    not_flushed = getenv("CRASH_NO_FSYNC");
    if (log) log_fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void die(void) {
    if (power) {
        unsigned how = 2; /* EXT4_GOING_FLAGS_NOLOGFLUSH */
        int fd = syscall(SYS_openat, AT_FDCWD, below, O_RDONLY | O_DIRECTORY, 0);
        if (fd < 0 || ioctl(fd, 0x8004587d, &how) != 0) _exit(99); /* as on btrfs, whose image is copied instead */
    }
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    for (;;) pause();
}

/* True when the call is the chosen one and is to happen by half. */
static int step(const char *call, const char *path, int can_tear) {
    if (!below[0] || strncmp(path, below, strlen(below)) != 0) return 0;
    int number = atomic_fetch_add(&count, 1) + 1;
    if (log_fd >= 0) {
        char line[PATH_MAX + 64];
        int length = snprintf(line, sizeof line, "%s %s\n", call, path + strlen(below));
        syscall(SYS_write, log_fd, line, length);
    }
    if (number != at) return 0;
    if (can_tear && torn) return 1;
    die();
    return 0;
}

static void name_of(int fd, char *into) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, into, PATH_MAX - 1);
    into[length < 0 ? 0 : length] = 0;
}

static int step_fd(const char *call, int fd, int can_tear) {
    char path[PATH_MAX];
    name_of(fd, path);
    return step(call, path, can_tear);
}

static void step_at(const char *call, int folder, const char *name) {
    char path[2 * PATH_MAX], base[PATH_MAX];
    if (name[0] == '/') {
        step(call, name, 0);
        return;
    }
    if (folder == AT_FDCWD) {
        if (!getcwd(base, sizeof base)) return;
    } else {
        name_of(folder, base);
    }
    snprintf(path, sizeof path, "%s/%s", base, name);
    step(call, path, 0);
}

#define OPEN(name)                                                   \
    int name(const char *path, int flags, ...) {                     \
        va_list rest;                                                \
        va_start(rest, flags);                                       \
        mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;    \
        va_end(rest);                                                \
        if (flags & O_CREAT) step_at("create", AT_FDCWD, path);      \
        return REAL(name)(path, flags, mode);                        \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                 \
    int name(int folder, const char *path, int flags, ...) {         \
        va_list rest;                                                \
        va_start(rest, flags);                                       \
        mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;    \
        va_end(rest);                                                \
        if (flags & O_CREAT) step_at("create", folder, path);        \
        return REAL(name)(folder, path, flags, mode);                \
    }
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int fd, const void *data, size_t size) {
    if (step_fd("write", fd, 1)) {
        syscall(SYS_write, fd, data, size / 2);
        die();
    }
    return syscall(SYS_write, fd, data, size);
}

#define PWRITE(name)                                                     \
    ssize_t name(int fd, const void *data, size_t size, off_t offset) {  \
        if (step_fd("write", fd, 1)) {                                   \
            syscall(SYS_pwrite64, fd, data, size / 2, offset);           \
            die();                                                       \
        }                                                                \
        return syscall(SYS_pwrite64, fd, data, size, offset);            \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

ssize_t copy_file_range(int from, off64_t *start, int to, off64_t *end, size_t size, unsigned flags) {
    step_fd("copy_file_range", to, 0);
    return syscall(SYS_copy_file_range, from, start, to, end, size, flags);
}

ssize_t sendfile(int to, int from, off_t *start, size_t size) {
    step_fd("sendfile", to, 0);
    return syscall(SYS_sendfile, to, from, start, size);
}
ssize_t sendfile64(int to, int from, off64_t *start, size_t size) {
    return sendfile(to, from, start, size);
}

static int is_not_flushed(int fd) {
    char path[PATH_MAX + 1];
    if (!not_flushed) return 0;
    name_of(fd, path);
    strcat(path, "$"); /* a folder's own path can be told from those of its files */
    return strstr(path, not_flushed) != NULL;
}

int fsync(int fd) { return step_fd("fsync", fd, 0), is_not_flushed(fd) ? 0 : REAL(fsync)(fd); }
int fdatasync(int fd) { return step_fd("fdatasync", fd, 0), is_not_flushed(fd) ? 0 : REAL(fdatasync)(fd); }
int ftruncate(int fd, off_t size) { return step_fd("ftruncate", fd, 0), REAL(ftruncate)(fd, size); }
int ftruncate64(int fd, off64_t size) { return step_fd("ftruncate", fd, 0), REAL(ftruncate64)(fd, size); }
int fchmod(int fd, mode_t mode) { return step_fd("fchmod", fd, 0), REAL(fchmod)(fd, mode); }
int fchown(int fd, uid_t uid, gid_t gid) { return step_fd("fchown", fd, 0), REAL(fchown)(fd, uid, gid); }

int chmod(const char *path, mode_t mode) { return step_at("chmod", AT_FDCWD, path), REAL(chmod)(path, mode); }
int fchmodat(int folder, const char *path, mode_t mode, int flags) {
    return step_at("chmod", folder, path), REAL(fchmodat)(folder, path, mode, flags);
}
int utimensat(int folder, const char *path, const struct timespec times[2], int flags) {
    step_at("utimens", folder, path);
    return REAL(utimensat)(folder, path, times, flags);
}
int futimens(int fd, const struct timespec times[2]) {
    return step_fd("utimens", fd, 0), REAL(futimens)(fd, times);
}

int mkdir(const char *path, mode_t mode) { return step_at("mkdir", AT_FDCWD, path), REAL(mkdir)(path, mode); }
int mkdirat(int folder, const char *path, mode_t mode) {
    return step_at("mkdir", folder, path), REAL(mkdirat)(folder, path, mode);
}
int rmdir(const char *path) { return step_at("rmdir", AT_FDCWD, path), REAL(rmdir)(path); }
int unlink(const char *path) { return step_at("unlink", AT_FDCWD, path), REAL(unlink)(path); }
int unlinkat(int folder, const char *path, int flags) {
    return step_at(flags & AT_REMOVEDIR ? "rmdir" : "unlink", folder, path), REAL(unlinkat)(folder, path, flags);
}

int rename(const char *from, const char *to) { return step_at("rename", AT_FDCWD, to), REAL(rename)(from, to); }
int renameat(int source, const char *from, int target, const char *to) {
    return step_at("rename", target, to), REAL(renameat)(source, from, target, to);
}
int renameat2(int source, const char *from, int target, const char *to, unsigned flags) {
    return step_at("rename", target, to), REAL(renameat2)(source, from, target, to, flags);
}
int link(const char *from, const char *to) { return step_at("link", AT_FDCWD, to), REAL(link)(from, to); }
int linkat(int source, const char *from, int target, const char *to, int flags) {
    return step_at("link", target, to), REAL(linkat)(source, from, target, to, flags);
}
