#include "services/ctl/supervisor.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define BACKOFF_MIN_NS (100 * NS_PER_MS)
#define BACKOFF_MAX_NS (5 * NS_PER_SECOND)
#define BACKOFF_FORGET_NS NS_PER_SECOND
#define STOP_NS_MAX (25 * NS_PER_SECOND) // A drain takes at most 20 s (gateway); then SIGKILL.

enum { CHILD_COUNT = 5, FAILURES_BEFORE_READY_MAX = 3 };

struct child {
    const char *name;
    pid_t pid; // 0: not running.
    bool is_ready, was_ready;
    unsigned failures; // In a row.
    uint64_t started_ns, restart_at_ns;
};

struct supervisor {
    const struct supervisor_config *config;
    struct child children[CHILD_COUNT];
    int signal_fd, notify_fd;
    char notify_path[sizeof((struct sockaddr_un *)0)->sun_path];
    bool is_settled, is_stopping, is_killed;
    uint64_t stop_before_ns;
    struct status verdict;
};

static struct status open_notify(struct supervisor *supervisor)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length = snprintf(address.sun_path, sizeof address.sun_path, "%s/run/notify.sock",
                          supervisor->config->data);
    if (length < 0 || (size_t)length >= sizeof address.sun_path)
        return REFUSE(INVALID_ARGUMENT, PATH_TOO_LONG,
                      "the data directory's path is too long for unix sockets (about 80 bytes)");
    memcpy(supervisor->notify_path, address.sun_path, sizeof supervisor->notify_path);
    unlink(address.sun_path);
    supervisor->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    if (supervisor->notify_fd < 0 ||
        bind(supervisor->notify_fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(supervisor->notify_fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0)
        return REFUSE(UNAVAILABLE, NOTIFY_SOCKET, "the readiness socket cannot be made");
    return STATUS_SUCCESS;
}

static struct status open_signals(struct supervisor *supervisor)
{
    sigset_t set;
    sigemptyset(&set);
    static const int watched[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
    for (size_t i = 0; i < sizeof watched / sizeof watched[0]; i++)
        sigaddset(&set, watched[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    supervisor->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (supervisor->signal_fd < 0)
        return REFUSE(UNAVAILABLE, SIGNALFD, "signals cannot be watched");
    return STATUS_SUCCESS;
}

// In the child, between fork and exec: only async-signal-safe calls, then the program.
_Noreturn static void become(const struct supervisor *supervisor, char *const argv[], int log_fd)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM); // A killed supervisor leaves no orphans that hold the stores.
    setsid();                         // Ctrl-C is the supervisor's to pass on.
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int null_fd = open("/dev/null", O_RDONLY);
    if (null_fd >= 0) dup2(null_fd, STDIN_FILENO);
    if (log_fd >= 0) {
        dup2(log_fd, STDOUT_FILENO);
        dup2(log_fd, STDERR_FILENO);
    }
    setenv("NOTIFY_SOCKET", supervisor->notify_path, 1);
    execv(argv[0], argv);
    _exit(127);
}

static int open_log(const struct supervisor *supervisor, const char *name)
{
    char path[CTL_PATH_BYTES], file[64];
    snprintf(file, sizeof file, "log/%s.log", name);
    if (!ctl_path(path, supervisor->config->data, file)) return -1;
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static void start_child(struct supervisor *supervisor, struct child *child)
{
    const struct supervisor_config *config = supervisor->config;
    char program[CTL_PATH_BYTES], ini[CTL_PATH_BYTES];
    char data_flag[CTL_PATH_BYTES + 32], listen_flag[256];
    snprintf(program, sizeof program, "%s/florin-%s", config->bin, child->name);
    snprintf(data_flag, sizeof data_flag, "--data.directory=%s", config->data);
    snprintf(listen_flag, sizeof listen_flag, "--gateway.listen=%s", config->listen);
    char *argv[6] = {program, data_flag};
    int argc = 2;
    if (strcmp(child->name, "gateway") == 0) argv[argc++] = listen_flag;
    if (ctl_path(ini, config->data, "florin.ini") && access(ini, R_OK) == 0) {
        argv[argc++] = "--config";
        argv[argc++] = ini;
    }
    int log_fd = open_log(supervisor, child->name);
    child->started_ns = clock_mono_ns();
    child->is_ready = false;
    pid_t pid = fork();
    if (pid == 0) become(supervisor, argv, log_fd);
    if (log_fd >= 0) close(log_fd);
    if (pid < 0) {
        child->restart_at_ns = child->started_ns + BACKOFF_MAX_NS;
        LOG_ERROR("fork failed", LOG_TEXT("child", child->name),
                  LOG_TEXT("error", strerror(errno)));
        return;
    }
    child->pid = pid;
}

static void settle(struct supervisor *supervisor, struct status status)
{
    if (supervisor->is_settled) return;
    supervisor->is_settled = true;
    if (supervisor->config->settled != NULL)
        supervisor->config->settled(supervisor->config->context, status);
}

static void begin_stop(struct supervisor *supervisor, struct status verdict)
{
    if (supervisor->is_stopping) return;
    supervisor->is_stopping = true;
    supervisor->verdict = verdict;
    supervisor->stop_before_ns = clock_mono_ns() + STOP_NS_MAX;
    for (int i = 0; i < CHILD_COUNT; i++) {
        if (supervisor->children[i].pid > 0) kill(supervisor->children[i].pid, SIGTERM);
    }
}

static uint64_t backoff_ns(unsigned failures)
{
    uint64_t delay_ns = BACKOFF_MIN_NS;
    for (unsigned i = 1; i < failures && delay_ns < BACKOFF_MAX_NS; i++)
        delay_ns *= 2;
    return delay_ns < BACKOFF_MAX_NS ? delay_ns : BACKOFF_MAX_NS;
}

// SIGTERM itself ends a daemon that has not come to watching for it yet: that is clean too.
static void note_end(struct supervisor *supervisor, const struct child *child, int wait_status)
{
    bool exited_well = WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0;
    bool ended_early = WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGTERM;
    if (exited_well || ended_early) return;
    LOG_WARN("a daemon did not stop cleanly", LOG_TEXT("child", child->name),
             LOG_I64("exit", WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1),
             LOG_I64("signal", WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0));
    if (!status_ok(supervisor->verdict)) return;
    supervisor->verdict =
        REFUSE(INTERNAL, DAEMON_STOPPED_BADLY, "a daemon did not stop cleanly; see its log");
}

static void child_ended(struct supervisor *supervisor, struct child *child, int wait_status)
{
    uint64_t now_ns = clock_mono_ns();
    bool ran = child->is_ready && now_ns - child->started_ns > BACKOFF_FORGET_NS;
    if (ran) child->failures = 0;
    child->pid = 0;
    child->is_ready = false;
    child->failures++;
    if (supervisor->is_stopping) {
        note_end(supervisor, child, wait_status);
        return;
    }
    child->restart_at_ns = now_ns + backoff_ns(child->failures);
    LOG_WARN("a daemon ended; it is started again", LOG_TEXT("child", child->name),
             LOG_I64("exit", WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1),
             LOG_I64("signal", WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0),
             LOG_U64("delay_ms", backoff_ns(child->failures) / NS_PER_MS));
    if (!child->was_ready && child->failures >= FAILURES_BEFORE_READY_MAX) {
        static char message[128];
        snprintf(message, sizeof message, "florin-%s does not start; see log/%s.log", child->name,
                 child->name);
        begin_stop(supervisor, REFUSE(FAILED_PRECONDITION, DAEMON_DOES_NOT_START, message));
    }
}

static void reap(struct supervisor *supervisor)
{
    int wait_status;
    pid_t pid;
    while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0) {
        for (int i = 0; i < CHILD_COUNT; i++) {
            if (supervisor->children[i].pid == pid)
                child_ended(supervisor, &supervisor->children[i], wait_status);
        }
    }
}

static void take_signals(struct supervisor *supervisor)
{
    struct signalfd_siginfo info;
    while (read(supervisor->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            begin_stop(supervisor, STATUS_SUCCESS);
        if (info.ssi_signo == SIGHUP) {
            for (int i = 0; i < CHILD_COUNT; i++)
                if (supervisor->children[i].pid > 0) kill(supervisor->children[i].pid, SIGHUP);
        }
    }
    reap(supervisor);
}

static void mark_ready(struct supervisor *supervisor, pid_t pid)
{
    bool all = true;
    for (int i = 0; i < CHILD_COUNT; i++) {
        struct child *child = &supervisor->children[i];
        if (child->pid == pid) {
            child->is_ready = true;
            child->was_ready = true;
        }
        all = all && child->is_ready;
    }
    if (all) settle(supervisor, STATUS_SUCCESS);
}

// One datagram is "READY=1\n…" from a daemon whose pid the kernel vouches for.
static void take_notices(struct supervisor *supervisor)
{
    char text[512];

    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(struct ucred))];
    } control;

    for (;;) {
        struct iovec part = {.iov_base = text, .iov_len = sizeof text - 1};
        struct msghdr message = {.msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = &control,
                                 .msg_controllen = sizeof control};
        ssize_t size = recvmsg(supervisor->notify_fd, &message, MSG_CMSG_CLOEXEC);
        if (size < 0) return;
        text[size] = '\0';
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        if (header == NULL || header->cmsg_type != SCM_CREDENTIALS) continue;
        struct ucred who;
        memcpy(&who, CMSG_DATA(header), sizeof who);
        if (strstr(text, "READY=1") != NULL) mark_ready(supervisor, who.pid);
    }
}

// Starts what is due and gives the time until the next thing is, in ms for poll().
static int start_due(struct supervisor *supervisor)
{
    uint64_t now_ns = clock_mono_ns(), next_ns = UINT64_MAX;
    for (int i = 0; i < CHILD_COUNT && !supervisor->is_stopping; i++) {
        struct child *child = &supervisor->children[i];
        if (child->pid == 0 && child->restart_at_ns <= now_ns) start_child(supervisor, child);
        if (child->pid == 0 && child->restart_at_ns < next_ns) next_ns = child->restart_at_ns;
    }
    if (supervisor->is_stopping) next_ns = supervisor->stop_before_ns;
    if (next_ns == UINT64_MAX) return -1;
    return next_ns <= now_ns ? 0 : (int)((next_ns - now_ns) / NS_PER_MS + 1);
}

static bool all_ended(struct supervisor *supervisor)
{
    bool late = !supervisor->is_killed && clock_mono_ns() > supervisor->stop_before_ns;
    bool ended = true;
    for (int i = 0; i < CHILD_COUNT; i++) {
        pid_t pid = supervisor->children[i].pid;
        if (pid > 0 && late) kill(pid, SIGKILL);
        ended = ended && pid == 0;
    }
    if (late) {
        supervisor->is_killed = true;
        supervisor->stop_before_ns += STOP_NS_MAX;
        LOG_WARN("a daemon did not drain in time and was killed");
    }
    return ended;
}

struct status supervisor_run(const struct supervisor_config *config)
{
    struct supervisor supervisor = {.config = config, .signal_fd = -1, .notify_fd = -1};
    for (int i = 0; i < CHILD_COUNT; i++)
        supervisor.children[i].name = ctl_daemons[i];
    struct status status = open_signals(&supervisor);
    if (status_ok(status)) status = open_notify(&supervisor);
    if (!status_ok(status)) {
        settle(&supervisor, status);
        return status;
    }
    for (;;) {
        int timeout_ms = start_due(&supervisor);
        if (supervisor.is_stopping && all_ended(&supervisor)) break;
        struct pollfd fds[] = {{.fd = supervisor.signal_fd, .events = POLLIN},
                               {.fd = supervisor.notify_fd, .events = POLLIN}};
        poll(fds, 2, timeout_ms);
        take_notices(&supervisor);
        take_signals(&supervisor);
    }
    settle(&supervisor, supervisor.verdict);
    unlink(supervisor.notify_path);
    close(supervisor.notify_fd);
    close(supervisor.signal_fd);
    return supervisor.verdict;
}
