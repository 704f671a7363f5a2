#include "tests/support/world.h"

#include "tests/support/directory.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READY_TRIES = 6000, READY_PAUSE_MS = 10, PORTS_MAX = 64 };

static void give_up(const char *what)
{
    perror(what);
    abort();
}

static unsigned free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        give_up("world_free_port");
    close(fd);
    return ntohs(address.sin_port);
}

// A port that was free a moment ago: the daemons bind it again with SO_REUSEPORT. None is given
// twice, though the first one may not have been bound yet.
unsigned world_free_port(void)
{
    static unsigned given[PORTS_MAX];
    static size_t count;
    for (;;) {
        unsigned port = free_port();
        bool is_new = true;
        for (size_t i = 0; i < PORTS_MAX; i++)
            is_new = is_new && given[i] != port;
        if (!is_new) continue;
        given[count++ % PORTS_MAX] = port;
        return port;
    }
}

static void write_ini(const struct world *world)
{
    char path[WORLD_PATH_BYTES + 32];
    snprintf(path, sizeof path, "%s/florin.ini", world->data);
    FILE *file = fopen(path, "we");
    if (file == NULL || fputs(world->ini, file) < 0 || fclose(file) != 0) give_up(path);
}

void world_make(struct world *world)
{
    const char *build = getenv("FLORIN_BINARY_DIR");
    snprintf(world->bin, sizeof world->bin, "%s/bin", build != NULL ? build : "build/dev");
    directory_make("world", world->data, sizeof world->data);
    if (world->ini[0] != '\0') write_ini(world);
    world->port = world_free_port();
}

void world_start(struct world *world)
{
    char program[WORLD_PATH_BYTES + 16], listen[32];
    snprintf(program, sizeof program, "%s/florin", world->bin);
    snprintf(listen, sizeof listen, "127.0.0.1:%u", world->port);
    world->supervisor = fork();
    if (world->supervisor < 0) give_up("fork");
    if (world->supervisor == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM); // A test that aborts leaves no Florin behind.
        char log[WORLD_PATH_BYTES + 32];
        snprintf(log, sizeof log, "%s/up.log", world->data);
        if (freopen(log, "ae", stdout) == NULL || dup2(fileno(stdout), STDERR_FILENO) < 0)
            _exit(127);
        execl(program, program, "up", "--data", world->data, "--listen", listen, (char *)NULL);
        _exit(127);
    }
    world_wait_ready(world);
}

void world_open(struct world *world)
{
    world_make(world);
    world_start(world);
}

static void show_logs(const struct world *world)
{
    char command[2 * WORLD_PATH_BYTES + 64];
    snprintf(command, sizeof command, "tail -n 20 %s/up.log %s/log/*.log >&2", world->data,
             world->data);
    if (system(command) != 0) fprintf(stderr, "no logs\n"); // NOLINT(bugprone-command-processor)
}

void world_wait_ready(const struct world *world)
{
    struct http_client *client = http_client_open(world);
    struct http_answer answer = {0};
    for (int i = 0; i < READY_TRIES; i++) {
        http_call(client, NULL, "GET", "/readyz", NULL, NULL, &answer);
        if (answer.status == 200) break;
        if (waitpid(world->supervisor, NULL, WNOHANG) != 0) break;
        poll(NULL, 0, READY_PAUSE_MS);
    }
    if (answer.status != 200) {
        fprintf(stderr, "Florin did not become ready: %ld %s\n", answer.status, answer.text);
        show_logs(world);
        abort();
    }
    http_answer_reset(&answer);
    http_client_close(&client);
}

void world_stop(struct world *world)
{
    int status = -1;
    kill(world->supervisor, SIGTERM);
    if (waitpid(world->supervisor, &status, 0) != world->supervisor) status = -1;
    bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    world->supervisor = 0;
    if (clean) return;
    show_logs(world);
    fprintf(stderr, "a daemon did not stop cleanly\n");
    abort();
}

void world_remove(struct world *world)
{
    if (getenv("FLORIN_KEEP_WORLD") == NULL) directory_remove(world->data);
}

void world_close(struct world *world)
{
    world_stop(world);
    world_remove(world);
}

// Children of the supervisor carry the daemon's name: florin-ledger (comm is cut at 15 bytes).
pid_t world_daemon_pid(const struct world *world, const char *daemon)
{
    char path[96], wanted[32], line[4096];
    snprintf(wanted, sizeof wanted, "(florin-%s)", daemon);
    DIR *proc = opendir("/proc");
    if (proc == NULL) give_up("/proc");
    pid_t found = 0;
    for (struct dirent *entry; found == 0 && (entry = readdir(proc)) != NULL;) {
        snprintf(path, sizeof path, "/proc/%.16s/stat", entry->d_name);
        FILE *file = entry->d_name[0] > '0' && entry->d_name[0] <= '9' ? fopen(path, "re") : NULL;
        if (file == NULL) continue;
        int pid = 0, parent = 0;
        char name[64] = "", state = 0;
        if (fgets(line, sizeof line, file) != NULL &&
            sscanf(line, "%d %63s %c %d", &pid, name, &state, &parent) == 4 // NOLINT(cert-err34-c)
            && parent == world->supervisor && strcmp(name, wanted) == 0 && state != 'Z')
            found = pid;
        fclose(file);
    }
    closedir(proc);
    return found;
}

int world_florin(const struct world *world, const char *arguments, char *ret_output, size_t size)
{
    char command[4096];
    snprintf(command, sizeof command, "%s/florin %s --data %s 2>&1", world->bin, arguments,
             world->data);
    FILE *output = popen(command, "re"); // NOLINT(bugprone-command-processor): a test's own words.
    if (output == NULL) give_up(command);
    char buffer[4096];
    size_t used = 0, got;
    while ((got = fread(buffer, 1, sizeof buffer, output)) > 0) {
        size_t room = ret_output != NULL && size > used + 1 ? size - used - 1 : 0;
        size_t taken = got < room ? got : room;
        if (taken > 0) memcpy(ret_output + used, buffer, taken);
        used += taken;
    }
    if (ret_output != NULL && size > 0) ret_output[used] = '\0';
    int status = pclose(output);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
