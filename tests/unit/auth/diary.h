/// @file tests/unit/auth/diary.h
/// Login activity written straight into a house's store, for what lists and reports make of it.
#pragma once

#include "services/auth/activity.h"
#include "tests/unit/auth/house.h"

/// One attempt.
struct diary_entry {
    struct id128 user_id;
    bool is_success, is_suspicious;
    const char *device, *ip; // "" for unknown.
    uint8_t terms;
};

struct auth_client diary_client(const char *device, const char *ip);
/// diary_write records one at at_ns.
void diary_write(struct house *house, const struct diary_entry *entry, uint64_t at_ns);
/// diary_write_many records `count` of them in one transaction, step_ns apart.
void diary_write_many(struct house *house, const struct diary_entry *entry, size_t count,
                      uint64_t first_ns, uint64_t step_ns);
size_t diary_rows(struct house *house, uint8_t table);
