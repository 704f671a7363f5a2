/// @file tests/unit/base/capture.h
/// What a tested function writes to a file descriptor, and how a process that it stops ends.
#pragma once

#include "tests/unit/support/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CAPTURE_BYTES = 64 * 1024 };

struct capture {
    int fd, file, before;
    char text[CAPTURE_BYTES];
};

static inline void capture_begin(struct capture *capture, int fd)
{
    fflush(NULL);
    capture->fd = fd;
    capture->before = dup(fd);
    capture->file = memfd_create("capture", 0);
    assert_true(capture->before >= 0 && capture->file >= 0);
    // As log files are opened: without it, writes of several threads may share one offset.
    assert_int_equal(fcntl(capture->file, F_SETFL, O_APPEND), 0);
    assert_int_equal(dup2(capture->file, fd), fd);
}

/// capture_end gives what was written since capture_begin.
static inline const char *capture_end(struct capture *capture)
{
    fflush(NULL);
    assert_int_equal(dup2(capture->before, capture->fd), capture->fd);
    ssize_t size = pread(capture->file, capture->text, sizeof capture->text - 1, 0);
    assert_true(size >= 0);
    capture->text[size] = '\0';
    close(capture->file);
    close(capture->before);
    return capture->text;
}

/// assert_aborts runs the function in a child process, which must die of a failed CHECK.
static inline void assert_aborts(void (*function)(void))
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        function();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}
