/// @file tests/unit/auth/people.h
/// Users and sessions made straight in the store, and callers who are somebody without having
/// logged in: for tests of what is done with users, not of how they come and get in.
#pragma once

#include "services/auth/store_access.h"
#include "tests/unit/auth/house.h"

struct person {
    const char *email, *mobile, *full_name; // NULL: none; full_name NULL: "Asha Verma".
    const char *role;                       // NULL: customer.
    const char *other_role;                 // NULL: none.
    const char *branch;                     // NULL: none; need not exist.
    enum auth_user_kind kind;               // 0: a person.
    enum auth_user_state state;             // 0: active.
};

struct id128 people_new(struct house *house, const struct person *person);
/// people_put is what people_new does, for tests that make many in one transaction.
MUST_USE struct status people_put(const struct auth_service *service, struct store_txn *txn,
                                  const struct person *person, uint64_t now_ns, struct id128 *ret);

/// people_begin begins a session for the user, as a login does.
struct auth_session people_begin(struct house *house, struct id128 user_id, const char *device);

/// people_refreshed lets the session have been refreshed at that time.
void people_refreshed(struct house *house, struct id128 session_id, uint64_t at_ns);

/// people_be lets the caller be the user as stored, in this session (id nil: in one that is none).
void people_be(struct caller *caller, struct id128 user_id, struct id128 session_id);

struct auth_user people_get(struct house *house, struct id128 user_id);
bool people_is_alive(struct house *house, const struct token_claims *claims);
/// people_put_branch makes a branch, or changes its status.
void people_put_branch(struct house *house, const char *code, enum auth_branch_status status);

/// people_id lends an id to a message.
ProtobufCBinaryData people_id(const struct id128 *id);
