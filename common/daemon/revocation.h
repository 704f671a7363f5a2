/// @file common/daemon/revocation.h
/// The sessions and users whose tokens are refused although they have not expired yet.
/// Bounds     An entry is kept until no token that it concerns can be alive. Beyond
///            REVOCATION_ENTRIES_MAX living entries the set says so (is_overflowing), and its owner
///            has to ask elsewhere: it never forgets a revocation that still matters.
/// Units      Wall clock, ns.
/// Threads    Any; a check costs well below a microsecond.
#pragma once

#include "common/base/id128.h"
#include "common/crypto/token.h"

enum { REVOCATION_ENTRIES_MAX = 65536, TOKEN_LIFE_S_MAX = 300 };

/// How long after it happened a revocation is kept: the longest life of a token, and a minute for
/// clocks that differ.
#define REVOCATION_KEPT_NS ((TOKEN_LIFE_S_MAX + 60) * UINT64_C(1000000000))

struct revocation_set;

struct revocation_set *revocation_set_open(void);
void revocation_set_close(struct revocation_set **set);

/// happened_ns older than REVOCATION_KEPT_NS: nothing to do.
void revocation_add_session(struct revocation_set *set, struct id128 session_id,
                            uint64_t happened_ns, uint64_t now_ns);
/// Tokens of the user with a smaller user_version are refused from here on.
void revocation_add_user(struct revocation_set *set, struct id128 user_id, uint64_t user_version,
                         uint64_t happened_ns, uint64_t now_ns);
bool revocation_covers(struct revocation_set *set, const struct token_claims *claims);
bool revocation_is_overflowing(struct revocation_set *set, uint64_t now_ns);
size_t revocation_count(struct revocation_set *set); // Of entries, for metrics.
