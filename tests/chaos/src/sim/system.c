// Stands between a simulation and the system (LD_PRELOAD): chance comes from a seed and time from a file, so that a run
// of the unchanged program is the same every time. Without WHARDEN_SIM_SEED it changes nothing.
//
// A simulation has one thread. When that thread would sleep until some moment, that moment is now: the clock is moved
// there and it goes on at once. The clock is eight bytes in a file, nanoseconds; whoever writes the file sets the clock.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
// 2027-01-15: what CLOCK_REALTIME shows when the simulation begins.
#define EPOCH (1800000000LL * SECOND)

static volatile int64_t *now;
static uint64_t chance;

static long real(long number, long a, long b, long c, long d, long e, long f) {
    long result;
#if defined(__x86_64__)
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    result = x0;
#else
#error "no system calls for this machine yet"
#endif
    if (result < 0 && result > -4096) {
        errno = (int)-result;
        return -1;
    }
    return result;
}

static void die(const char *why) {
    real(SYS_write, 2, (long)why, (long)strlen(why), 0, 0, 0);
    abort();
}

__attribute__((constructor)) static void begin(void) {
    const char *seed = getenv("WHARDEN_SIM_SEED");
    const char *path = getenv("WHARDEN_SIM_CLOCK");
    if (seed == NULL || path == NULL) return;
    chance = strtoull(seed, NULL, 10);
    int file = open(path, O_RDWR | O_CLOEXEC);
    void *page = file < 0 ? MAP_FAILED : mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (page == MAP_FAILED) die("simulation: no clock\n");
    now = page;
}

// splitmix64
static void fill(unsigned char *to, size_t length) {
    while (length > 0) {
        uint64_t z = (chance += 0x9e3779b97f4a7c15ULL);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        z ^= z >> 31;
        size_t part = length < 8 ? length : 8;
        memcpy(to, &z, part);
        to += part;
        length -= part;
    }
}

ssize_t getrandom(void *to, size_t length, unsigned int flags) {
    if (now == NULL) return real(SYS_getrandom, (long)to, (long)length, flags, 0, 0, 0);
    fill(to, length);
    return (ssize_t)length;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
    if (now == NULL || clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID)
        return (int)real(SYS_clock_gettime, clock, (long)at, 0, 0, 0, 0);
    int real_time = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    int64_t time = *now + (real_time ? EPOCH : 0);
    at->tv_sec = time / SECOND;
    at->tv_nsec = time % SECOND;
    return 0;
}

static long wait_for(volatile int32_t *word, int32_t value, const struct timespec *until, int absolute) {
    if (*word != value) {
        errno = EAGAIN;
        return -1;
    }
    if (until == NULL) die("simulation: it waits for something that never comes\n");
    int64_t time = until->tv_sec * SECOND + until->tv_nsec + (absolute ? 0 : *now);
    if (time > *now) *now = time;
    errno = ETIMEDOUT;
    return -1;
}

long syscall(long number, ...) {
    va_list more;
    va_start(more, number);
    long a = va_arg(more, long), b = va_arg(more, long), c = va_arg(more, long);
    long d = va_arg(more, long), e = va_arg(more, long), f = va_arg(more, long);
    va_end(more);
    if (now != NULL && number == SYS_getrandom) {
        fill((unsigned char *)a, (size_t)b);
        return b;
    }
    if (now != NULL && number == SYS_futex) {
        int operation = (int)b & FUTEX_CMD_MASK;
        if (operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET)
            return wait_for((volatile int32_t *)a, (int32_t)c, (const struct timespec *)d, operation != FUTEX_WAIT);
    }
    return real(number, a, b, c, d, e, f);
}
