// `florin up` and `florin down`: one supervisor per data directory, found by its lock.
#include "common/base/clock.h"
#include "common/base/log.h"
#include "services/ctl/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

struct up {
    const struct ctl_options *options;
    uint64_t begun_ns;
    int lock_fd;
    int report_fd; // Detached: the waiting parent's pipe; else -1.
    char listen[256];
};

// The lock file stays open for the supervisor's life; its content is the supervisor's pid.
static int take_lock(const char *data, pid_t *ret_holder)
{
    char path[CTL_PATH_BYTES];
    if (!ctl_path(path, data, "run/supervisor.lock")) return -1;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return -1;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
    char text[32] = {0};
    if (read(fd, text, sizeof text - 1) > 0) *ret_holder = (pid_t)strtol(text, NULL, 10);
    close(fd);
    return -1;
}

static void print_ready(const struct up *up)
{
    const char *data = up->options->data;
    printf("Florin is ready (%.2f s): http://%s\n"
           "  administrator  admin@florin.local, password in %s/admin-password\n"
           "  try            curl -s http://%s/health\n"
           "                 florin outbox --data %s\n"
           "                 florin status --data %s\n",
           (double)(clock_mono_ns() - up->begun_ns) / 1e9, up->listen, data, up->listen, data,
           data);
    fflush(stdout);
}

static void settled(void *context, struct status status)
{
    struct up *up = context;
    if (up->report_fd < 0) {
        if (status_ok(status)) print_ready(up);
        return;
    }
    // The parent prints; it gets the message, or nothing for success and a closed pipe.
    const char *text = status_ok(status) ? "ok" : status.message;
    if (write(up->report_fd, text, strlen(text)) < 0)
        LOG_WARN("the command that started Florin is gone");
    close(up->report_fd);
    up->report_fd = -1;
}

static bool find_bin(const struct ctl_options *options, char ret[static CTL_PATH_BYTES])
{
    if (options->bin != NULL) return realpath(options->bin, ret) != NULL;
    ssize_t length = readlink("/proc/self/exe", ret, CTL_PATH_BYTES - 1);
    if (length <= 0) return false;
    ret[length] = '\0';
    char *directory = dirname(ret);
    memmove(ret, directory, strlen(directory) + 1);
    return true;
}

static bool write_pid(int lock_fd)
{
    char text[32];
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    return ftruncate(lock_fd, 0) == 0 && pwrite(lock_fd, text, (size_t)length, 0) == length;
}

static int supervise(struct up *up, const char *bin)
{
    if (!write_pid(up->lock_fd))
        return ctl_complain("up",
                            REFUSE(UNAVAILABLE, LOCK_NOT_WRITTEN, "the lock cannot be written"));
    struct supervisor_config config = {.data = up->options->data,
                                       .bin = bin,
                                       .listen = up->listen,
                                       .settled = settled,
                                       .context = up};
    struct status status = supervisor_run(&config);
    return status_ok(status) ? CTL_DONE : ctl_complain("up", status);
}

static int await_report(const struct up *up, int fd)
{
    char text[256];
    size_t size = 0;
    ssize_t got;
    while (size < sizeof text - 1 && (got = read(fd, text + size, sizeof text - 1 - size)) > 0)
        size += (size_t)got;
    text[size] = '\0';
    if (strcmp(text, "ok") == 0) {
        print_ready(up);
        return CTL_DONE;
    }
    fprintf(stderr, "florin: up: %s\n",
            size > 0 ? text : "the supervisor died; see log/supervisor.log");
    return CTL_FAILED;
}

static int detach(struct up *up, const char *bin)
{
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0)
        return ctl_complain("up", REFUSE(UNAVAILABLE, PIPE, "no pipe"));
    pid_t pid = fork();
    if (pid < 0) return ctl_complain("up", REFUSE(UNAVAILABLE, FORK, "no process"));
    if (pid > 0) {
        close(report[1]);
        return await_report(up, report[0]);
    }
    close(report[0]);
    setsid();
    char path[CTL_PATH_BYTES];
    int log_fd = ctl_path(path, up->options->data, "log/supervisor.log")
                     ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)
                     : -1;
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (log_fd < 0 || null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 ||
        dup2(log_fd, STDOUT_FILENO) < 0 || dup2(log_fd, STDERR_FILENO) < 0)
        _exit(CTL_FAILED);
    up->report_fd = report[1];
    return supervise(up, bin);
}

int ctl_up(const struct ctl_options *options)
{
    struct up up = {.options = options, .begun_ns = clock_mono_ns(), .report_fd = -1};
    if (options->listen != NULL)
        snprintf(up.listen, sizeof up.listen, "%s", options->listen);
    else
        snprintf(up.listen, sizeof up.listen, "127.0.0.1:%u", options->port);
    log_open("supervisor", LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO);

    char bin[CTL_PATH_BYTES];
    if (!find_bin(options, bin))
        return ctl_complain("up", REFUSE(NOT_FOUND, BIN_NOT_FOUND, "--bin is not a directory"));
    struct status status = ctl_data_make(options->data);
    if (!status_ok(status)) return ctl_complain(options->data, status);
    pid_t holder = 0;
    // flock belongs to the open file: a detached child inherits it and keeps it.
    int lock_fd = take_lock(options->data, &holder);
    if (lock_fd < 0)
        return ctl_complain(options->data, REFUSE(FAILED_PRECONDITION, ALREADY_RUNNING,
                                                  "Florin already runs on this data directory; "
                                                  "stop it with florin down"));
    up.lock_fd = lock_fd;
    return options->detach ? detach(&up, bin) : supervise(&up, bin);
}

int ctl_down(const struct ctl_options *options)
{
    pid_t holder = 0;
    int lock_fd = take_lock(options->data, &holder);
    if (lock_fd >= 0 || holder <= 0) {
        printf("nothing runs on %s\n", options->data);
        return CTL_DONE;
    }
    kill(holder, SIGTERM);
    for (unsigned waited_ms = 0; waited_ms < options->timeout_s * 1000; waited_ms += 20) {
        lock_fd = take_lock(options->data, &holder);
        if (lock_fd >= 0) {
            printf("stopped\n");
            return CTL_DONE;
        }
        poll(NULL, 0, 20);
    }
    return ctl_complain("down",
                        REFUSE(DEADLINE_EXCEEDED, STILL_RUNNING, "it has not stopped in time"));
}
