/// @file tests/bench/postgres.h
/// The peer of the ledger's durable figures: PostgreSQL with a stored function of the same meaning,
/// driven by pgbench (postgres/run, postgres/schema.sql).
/// Threads    One; postgres_run blocks.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct postgres_rate {
    size_t clients;
    double per_s, average_ms;
};

/// postgres_run measures it on a disk for so many seconds with each of the numbers of clients that
/// stand in rates, and fills in the rest. false: it is not installed, or did not run.
bool postgres_run(const char *directory, double seconds, struct postgres_rate *rates, size_t count);
