/// @file tests/unit/daemon/fake_auth.h
/// A stand-in for florin-auth in a process of its own: keys, sessions, an access policy of one role
/// (FAKE_ROLE, which may read the audit log), events, and a sleep or a death on demand. It checks
/// its own callers with the identity of common/daemon in its local form.
#pragma once

#include "common/crypto/token.h"

#include <sys/types.h>

enum { FAKE_PATH_BYTES = 256, FAKE_URL_BYTES = FAKE_PATH_BYTES + 32 };

struct fake_auth {
    char directory[FAKE_PATH_BYTES], keys[FAKE_PATH_BYTES + 8];
    char rpc_url[FAKE_URL_BYTES], pub_url[FAKE_URL_BYTES];
    pid_t pid;
    int to_fd, from_fd;
};

enum fake_command {
    FAKE_PING,
    FAKE_END_SESSION,   // id: the session.
    FAKE_RAISE_USER,    // id: the user, number: the version.
    FAKE_ROTATE,        // number: how many of the signing keys JWKS shows, from the first.
    FAKE_ROTATE_ALOUD,  // The same, and an event tells of it.
    FAKE_GRANT,         // number: the policy's version from here on, in which the role grants.
    FAKE_GRANT_NOT,     // The same, and it grants nothing.
    FAKE_GRANT_QUIETLY, // It grants, and no event tells of it.
};

#define FAKE_ROLE "clerk"
#define FAKE_PERMISSION "audit.read"

/// fake_auth_signer gives one of auth's signing keys: 1, 2, …
struct key_signer *fake_auth_signer(uint8_t number);

bool fake_auth_run(int argc, char **argv, int *ret_code); // main of the process.
void fake_auth_make(struct fake_auth *auth); // The directory and the keys of auth and ledger.
void fake_auth_remove(struct fake_auth *auth);
void fake_auth_start(struct fake_auth *auth, bool with_events);
void fake_auth_kill(struct fake_auth *auth);
/// fake_auth_hang: it is there and answers nothing, until fake_auth_go_on.
void fake_auth_hang(struct fake_auth *auth);
void fake_auth_go_on(struct fake_auth *auth);
void fake_auth_tell(struct fake_auth *auth, enum fake_command command, struct id128 id,
                    uint64_t number);
