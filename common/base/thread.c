#include "common/base/thread.h"

#include "common/base/check.h"

#include <signal.h>
#include <stdio.h>

enum { NAME_BYTES = 16 }; // The kernel's, with the final NUL.

void thread_start(pthread_t *ret, const char *name, size_t stack_bytes, void *(*run)(void *context),
                  void *context)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    char short_name[NAME_BYTES];
    sigfillset(&all);
    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setstacksize(&attributes, stack_bytes) == 0);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0); // Inherited by the new thread.
    CHECK(pthread_create(ret, &attributes, run, context) == 0);
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    pthread_attr_destroy(&attributes);
    snprintf(short_name, sizeof short_name, "%s", name);
    pthread_setname_np(*ret, short_name);
}
