#include "tests/bench/bench.h"

#include "common/base/check.h"
#include "common/base/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

// ---- Figures -------------------------------------------------------------------------------

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

struct bench_spread bench_spread_of(double *values, size_t count)
{
    CHECK(count > 0);
    qsort(values, count, sizeof *values, compare_doubles);
    double median =
        count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
    return (struct bench_spread){.median = median, .min = values[0], .max = values[count - 1]};
}

struct bench_spread bench_measure(double (*run)(void *context), void *context, size_t run_count)
{
    CHECK(run_count > 0 && run_count <= BENCH_RUNS_MAX);
    double values[BENCH_RUNS_MAX];
    for (size_t i = 0; i < run_count; i++) {
        values[i] = run(context);
    }
    return bench_spread_of(values, run_count);
}

uint64_t bench_percentile(uint64_t *samples, size_t count, double fraction)
{
    CHECK(count > 0 && fraction >= 0 && fraction <= 1);
    qsort(samples, count, sizeof *samples, compare_numbers);
    return samples[(size_t)(fraction * (double)(count - 1))];
}

enum { NUMBER_BYTES = 40 };

// "1234567" as "1,234,567"; two decimals below a hundred.
static const char *format_number(double value, char text[static NUMBER_BYTES])
{
    if (value < 100) {
        snprintf(text, NUMBER_BYTES, "%.2f", value);
        return text;
    }
    char digits[NUMBER_BYTES];
    int size = snprintf(digits, sizeof digits, "%.0f", value), to = 0;
    CHECK(size > 0 && size < 28);
    for (int from = 0; from < size; from++) {
        if (from > 0 && (size - from) % 3 == 0) text[to++] = ',';
        text[to++] = digits[from];
    }
    text[to] = '\0';
    return text;
}

void bench_print_line(const char *name, struct bench_spread spread, const char *unit)
{
    char median[NUMBER_BYTES], min[NUMBER_BYTES], max[NUMBER_BYTES];
    printf("%-58s %12s %s   (%s to %s)\n", name, format_number(spread.median, median), unit,
           format_number(spread.min, min), format_number(spread.max, max));
    fflush(stdout);
}

// ---- The machine ---------------------------------------------------------------------------

static void read_processor(char *ret_name, size_t size)
{
    snprintf(ret_name, size, "unknown processor");
    FILE *file = fopen("/proc/cpuinfo", "re");
    if (file == NULL) return;
    char line[256];
    while (fgets(line, sizeof line, file) != NULL) {
        char *value = strncmp(line, "model name", 10) == 0 ? strchr(line, ':') : NULL;
        if (value == NULL) continue;
        value[strcspn(value, "\n")] = '\0';
        snprintf(ret_name, size, "%s", value + 2);
        break;
    }
    fclose(file);
}

void bench_print_machine(void)
{
    char processor[128];
    read_processor(processor, sizeof processor);
    struct utsname system;
    CHECK(uname(&system) == 0);
    double gib = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / (1 << 30);
#ifdef __OPTIMIZE__
    const char *optimised = "optimised";
#else
    const char *optimised = "NOT OPTIMISED";
#endif
    printf("machine: %s, %ld cores, %.0f GiB, %s %s; compiler %s, %s\n", processor,
           sysconf(_SC_NPROCESSORS_ONLN), gib, system.sysname, system.release, __VERSION__,
           optimised);
}

double bench_fsyncs_per_second(const char *directory)
{
    char path[BENCH_PATH_BYTES + 32];
    snprintf(path, sizeof path, "%s/fsync-XXXXXX", directory);
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    static const char block[4096];
    uint64_t begin_ns = clock_mono_ns(), end_ns = begin_ns, count = 0;
    for (; end_ns - begin_ns < NS_PER_SECOND / 2; count++, end_ns = clock_mono_ns()) {
        CHECK(pwrite(fd, block, sizeof block, 0) == sizeof block);
        CHECK(fdatasync(fd) == 0);
    }
    close(fd);
    unlink(path);
    return (double)count * (double)NS_PER_SECOND / (double)(end_ns - begin_ns);
}

void bench_print_disk(const char *directory)
{
    enum { TMPFS = 0x01021994, EXT4 = 0xEF53, XFS = 0x58465342, OVERLAY = 0x794c7630 };
    struct statfs info;
    CHECK(statfs(directory, &info) == 0);
    const char *kind = "another file system";
    if (info.f_type == TMPFS) kind = "tmpfs: memory, nothing is durable";
    if (info.f_type == EXT4) kind = "ext4";
    if (info.f_type == XFS) kind = "xfs";
    if (info.f_type == OVERLAY) kind = "overlayfs";
    char rate[NUMBER_BYTES];
    printf("disk: %s (%s), %s fsyncs/s\n", directory, kind,
           format_number(bench_fsyncs_per_second(directory), rate));
    fflush(stdout);
}
