/// @file common/daemon/keyring.h
/// The public keys whose tokens this daemon believes, and what each may sign.
/// Sources    <keys>/<name>.pub: the daemon or operator <name>, for service tokens only.
///            Auth's JWKS: user tokens only. A key may stand in both.
/// Threads    Any.
#pragma once

#include "common/crypto/token.h"

enum { KEYRING_KEYS_MAX = 64 };

#define KEYRING_ISSUER_PREFIX "florin-"
#define KEYRING_ISSUER_AUTH "florin-auth"

struct keyring_key {
    char kid[KEY_ID_TEXT_BYTES];
    uint8_t public_key[KEY_PUBLIC_BYTES];
    char issuer[TOKEN_ISSUER_BYTES_MAX];
    bool signs_services, signs_users;
};

struct keyring;

struct keyring *keyring_open(void);
void keyring_close(struct keyring **keyring);

/// keyring_read_files takes all *.pub files of the directory in place of those before; true when
/// they differ. A file that cannot be read is logged and left out.
bool keyring_read_files(struct keyring *keyring, const char *directory);
/// keyring_set_users takes auth's keys in place of those before; true when they differ.
bool keyring_set_users(struct keyring *keyring, const struct keyring_key *keys, size_t count);
bool keyring_find(struct keyring *keyring, const char *kid, struct keyring_key *ret);
