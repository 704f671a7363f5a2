#include "tests/crash/death.h"

#include "tests/unit/support/cmocka.h"

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

// ---- The calls ----------------------------------------------------------------------------------

enum moment { NEVER, BEFORE, HALF, AFTER };

static const char *const moment_names[] = {"undisturbed", "before", "half way through", "after"};

/// How the child of a run dies: at which call, from 0. HALF counts only calls that have halves.
struct death {
    enum moment moment;
    long call;
};

static struct death death;
static bool is_armed;

/// What the child has done since it was armed; one message of the pipe when it lives to the end.
static struct tally {
    long calls, divisible;
} tally;

static int to_parent = -1;

static void die(void)
{
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    for (;;)
        pause();
}

/// is_on_disk: what goes to a socket, a pipe or an eventfd leaves nothing behind.
static bool is_on_disk(int fd)
{
    struct stat info;
    if (fd <= STDERR_FILENO || fstat(fd, &info) != 0) return false;
    return S_ISREG(info.st_mode) || S_ISDIR(info.st_mode);
}

/// begin counts a call, and gives what is to become of it.
static enum moment begin(int fd, bool is_divisible)
{
    if (!is_armed || !is_on_disk(fd)) return NEVER;
    long call = death.moment == HALF ? tally.divisible : tally.calls;
    bool is_last = call == death.call && (death.moment != HALF || is_divisible);
    tally.calls++;
    tally.divisible += is_divisible;
    if (is_last && death.moment == BEFORE) die();
    return is_last ? death.moment : NEVER;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    enum moment moment = begin(fd, true);
    ssize_t written = syscall(SYS_pwrite64, fd, data, moment == HALF ? size / 2 : size, offset);
    if (moment != NEVER) die();
    return written;
}

ssize_t write(int fd, const void *data, size_t size)
{
    enum moment moment = begin(fd, true);
    ssize_t written = syscall(SYS_write, fd, data, moment == HALF ? size / 2 : size);
    if (moment != NEVER) die();
    return written;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    enum moment moment = begin(fd, true);
    ssize_t written = syscall(SYS_writev, fd, parts, moment == HALF ? (count + 1) / 2 : count);
    if (moment != NEVER) die();
    return written;
}

static int synced(long call, int fd)
{
    enum moment moment = begin(fd, false);
    int rc = (int)syscall(call, fd);
    if (moment != NEVER) die();
    return rc;
}

int fdatasync(int fd)
{
    return synced(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    return synced(SYS_fsync, fd);
}

// ---- The child ----------------------------------------------------------------------------------

enum { TOLD = 1, LIVED = 2 };

void death_arm(void)
{
    is_armed = true;
}

static void say(const void *data, size_t size)
{
    if (syscall(SYS_write, to_parent, data, size) != (long)size) abort();
}

void death_tell(void)
{
    const uint8_t told = TOLD;
    say(&told, sizeof told);
}

static void run_child(const struct death_play *play, void *context)
{
    setenv("CMOCKA_TEST_ABORT", "1", 1); // What fails here is not another test's to go on after.
    play->live(context);
    is_armed = false;
    const uint8_t lived = LIVED;
    say(&lived, sizeof lived);
    say(&tally, sizeof tally);
    _exit(0); // Without what is done at an end that nobody dies before.
}

// ---- The parent ---------------------------------------------------------------------------------

/// listen hears the child to its end; true when it lived.
static bool listen_to(int from_child, unsigned *ret_told, struct tally *ret_tally)
{
    uint8_t word;
    *ret_told = 0;
    while (read(from_child, &word, sizeof word) == sizeof word) {
        if (word == LIVED)
            return read(from_child, ret_tally, sizeof *ret_tally) == sizeof *ret_tally;
        ++*ret_told;
    }
    return false;
}

/// run gives what was counted; nothing when the child died, as it was to.
static struct tally run(const struct death_play *play, void *context, struct death how)
{
    int pipes[2], exit_status;
    unsigned told;
    struct tally counted = {0};
    char words[64];
    snprintf(words, sizeof words, "death %s call %ld", moment_names[how.moment], how.call);
    play->prepare(context);
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(pipes[0]);
        to_parent = pipes[1];
        death = how;
        run_child(play, context);
    }
    close(pipes[1]);
    bool lived = listen_to(pipes[0], &told, &counted);
    close(pipes[0]);
    assert_int_equal(waitpid(child, &exit_status, 0), child);
    bool ended_well = lived ? WIFEXITED(exit_status) && WEXITSTATUS(exit_status) == 0
                            : WIFSIGNALED(exit_status) && WTERMSIG(exit_status) == SIGKILL;
    if (!ended_well) fail_msg("%s: the child failed (%#x)", words, (unsigned)exit_status);
    if (lived != (how.moment == NEVER)) fail_msg("%s: there are not so many calls", words);
    play->judge(context, told, words);
    return counted;
}

unsigned death_play_all(const struct death_play *play, void *context)
{
    unsigned deaths = 0;
    struct tally all = run(play, context, (struct death){NEVER, 0});
    assert_true(all.divisible > 0); // Or nothing was intercepted.
    for (long call = 0; call < all.calls; call++, deaths++)
        (void)run(play, context, (struct death){BEFORE, call});
    for (long call = 0; call < all.divisible; call++, deaths++)
        (void)run(play, context, (struct death){HALF, call});
    (void)run(play, context, (struct death){AFTER, all.calls - 1});
    return deaths + 1;
}
