/// @file common/rpc/parking.h
/// Where calls stand that wait for something (the next event) without holding a thread. A parked
/// call goes back to the pool when somebody says that something has happened, when its time is
/// over, or when the server stops; it is for its handler to look whether it was meant.
/// No lost wake  Who wants to park says which turn it was when it last looked; when somebody called
///            parking_wake since, it goes back to the pool instead of sleeping.
/// Fairness   At most `resumed_max` calls that come back stand in the pool's queue or run at once,
///            so that other calls wait behind a handful of them however many were woken.
///            Wakes that follow each other within PARKING_GATHER_MS are one.
/// Threads    Any. parking_wake is cheap: nobody parked, two atomics. One thread of its own keeps
///            the time.
/// Ownership  An item is the caller's until it is parked, and again when its job runs.
#pragma once

#include "common/base/pool.h"

#include <stdint.h>

enum { PARKING_GATHER_MS = 5 };

struct parked {
    struct pool_job *job; // What comes back.
    uint64_t until_mono_ns;
    uint64_t turn; // parking_turn of before the look at what it waits for.

    // The parking's.
    struct parked *next;
};

struct parking_config {
    struct pool *pool; // Outlives it, but is closed before it.
    size_t parked_max, resumed_max;
    /// Called when more are parked than ever before, outside of locks; NULL: nobody.
    void (*grown)(void *context, size_t parked);
    void *context;
};

struct parking;

struct parking *parking_open(const struct parking_config *config);
void parking_close(struct parking **parking); // Nothing is parked; idempotent.

uint64_t parking_turn(const struct parking *parking);
/// parking_has_room: false when stopped or full; parking_park may still refuse.
bool parking_has_room(const struct parking *parking);
/// parking_park: false when it is stopped or full, and the item is still the caller's. Else the job
/// may run already when this returns.
bool parking_park(struct parking *parking, struct parked *item);
/// parking_left: a job that came back has done its work (perhaps parked again).
void parking_left(struct parking *parking);
/// parking_wake: something has happened.
void parking_wake(struct parking *parking);
/// parking_stop sends all back and parks nobody from now on. Idempotent.
void parking_stop(struct parking *parking);
