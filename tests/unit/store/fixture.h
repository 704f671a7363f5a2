/// @file tests/unit/store/fixture.h
/// What the store's tests share: a temporary directory, a store with two tables, jobs with answers.
/// Threads    A test opens its own store; nothing here is shared between tests but the seed.
#pragma once

#include "common/base/check.h"
#include "common/store/store.h"
#include "tests/support/directory.h"
#include "tests/unit/support/cmocka.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    TABLE_ROWS = STORE_TABLE_SERVICE_FIRST,
    TABLE_LOG,
    PATH_BYTES = 256,
};

struct fixture {
    char directory[PATH_BYTES]; // Made by mkdtemp; the stores lie below it.
    char path[PATH_BYTES];      // directory/store
    struct store *store;
};

extern const struct store_schema test_schema;

/// setup_directory and setup_store are cmocka set-ups, teardown closes and removes everything.
int setup_directory(void **state);
int setup_store(void **state);
int teardown(void **state);

struct status open_store(struct fixture *fixture, uint64_t map_bytes);
void close_store(struct fixture *fixture);
void reopen_store(struct fixture *fixture);
void join_path(const struct fixture *fixture, const char *name, char ret_path[static PATH_BYTES]);

void assert_ok(struct status status);
void assert_refused(struct status status, enum status_code code, const char *reason);

/// One row each way, in a transaction or snapshot of its own.
struct status put_row(struct store *store, const char *key, const char *value);
void assert_row(struct store *store, const char *key, const char *value); // NULL: absent.
uint64_t count_rows(struct store *store, uint8_t table);

/// A job that counts its runs and answers, and says in which order it was answered.
struct test_job {
    struct store_job job; // First.
    const char *key, *value;
    size_t value_bytes;   // Not 0: the value is this many bytes of 'x'.
    struct status refuse; // What run() returns after writing.
    bool refuse_first;    // Before writing.
    atomic_int run_count, done_count;
    int order; // Of its answer among all.
    struct status status;
};

void init_job(struct test_job *job, const char *key, const char *value);
void submit_job(struct store *store, struct test_job *job);
void wait_job(struct test_job *job);

/// A gate holds the writer inside a job, so that what is submitted meanwhile waits together.
struct gate {
    struct store_job job;
    sem_t entered, may_leave, left;
};

void close_gate(struct store *store, struct gate *gate); // Returns with the writer inside.
void open_gate(struct gate *gate);                       // Returns when its job was answered.

/// fork_and_wait runs a function in a child process and gives its wait status. The caller must have
/// no store open. A child that returns exits 0.
int fork_and_wait(void (*run)(void *context), void *context);
void assert_aborts(void (*run)(void *context), void *context);

/// Random numbers from a printed seed (FLORIN_TEST_SEED sets it).
uint64_t random_below(uint64_t bound);
