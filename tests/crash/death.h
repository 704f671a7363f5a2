/// @file tests/crash/death.h
/// A process that dies at each write system call of a script in turn: before it, half way through
/// it, and after the last one (after any other is before the next).
/// Calls      pwrite, writev, write, fsync and fdatasync of libraries are answered by the functions
///            of the same names in death.c: a program's own symbols come before a library's. What
///            goes to standard output, standard error or anything but a file does not count.
/// A run      prepare, in the test's process; live, in a child that dies on its way; judge, in the
///            test's process again, over what the child has left on the disk.
/// Processes  Nothing of prepare may leave a thread behind: the child is a fork.
#pragma once

#include <stddef.h>

struct death_play {
    void (*prepare)(void *context);
    void (*live)(void *context);
    /// told: how many things the child had told by then; how: in words, for a test that fails.
    void (*judge)(void *context, unsigned told, const char *how);
};

/// death_play_all plays it undisturbed first, then once for each death, and gives the number of
/// deaths. A child that fails, fails the test.
unsigned death_play_all(const struct death_play *play, void *context);

/// In the child: from here on calls count.
void death_arm(void);
/// In the child: something has been answered, and must be there afterwards. At most 255 times.
void death_tell(void);
