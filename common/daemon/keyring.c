#include "common/daemon/keyring.h"

#include "common/base/check.h"
#include "common/base/log.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct keys {
    struct keyring_key items[KEYRING_KEYS_MAX];
    size_t count;
};

struct keyring {
    pthread_rwlock_t lock;
    struct keys services, users;
};

struct keyring *keyring_open(void)
{
    struct keyring *keyring = calloc(1, sizeof *keyring);
    CHECK(keyring != NULL);
    pthread_rwlock_init(&keyring->lock, NULL);
    return keyring;
}

void keyring_close(struct keyring **keyring)
{
    if (*keyring == NULL) return;
    pthread_rwlock_destroy(&(*keyring)->lock);
    free(*keyring);
    *keyring = NULL;
}

static const struct keyring_key *find(const struct keys *keys, const char *kid)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (strcmp(keys->items[i].kid, kid) == 0) return &keys->items[i];
    }
    return NULL;
}

static bool is_same(const struct keys *keys, const struct keyring_key *others, size_t count)
{
    if (keys->count != count) return false;
    for (size_t i = 0; i < count; i++) {
        const struct keyring_key *key = find(keys, others[i].kid);
        if (key == NULL || memcmp(key->public_key, others[i].public_key, KEY_PUBLIC_BYTES) != 0) {
            return false;
        }
    }
    return true;
}

// The <name> of "<name>.pub"; false for other files.
static bool name_of(const char *file, char ret_name[static KEY_NAME_CHARACTERS_MAX + 1])
{
    const char *end = strrchr(file, '.');
    if (end == NULL || strcmp(end, ".pub") != 0) return false;
    size_t size = (size_t)(end - file);
    if (size == 0 || size > KEY_NAME_CHARACTERS_MAX) return false;
    memcpy(ret_name, file, size);
    ret_name[size] = 0;
    return true;
}

static void read_file(const char *directory, const char *name, struct keys *keys)
{
    struct keyring_key key = {.signs_services = true};
    struct status status = key_public_load(directory, name, key.public_key);
    if (!status_ok(status) || keys->count == KEYRING_KEYS_MAX) {
        LOG_WARN("a public key was left out", LOG_TEXT("name", name),
                 LOG_TEXT("reason", status_ok(status) ? "TOO_MANY_KEYS" : status.reason));
        return;
    }
    key_id(key.public_key, key.kid);
    snprintf(key.issuer, sizeof key.issuer, KEYRING_ISSUER_PREFIX "%s", name);
    keys->items[keys->count++] = key;
}

bool keyring_read_files(struct keyring *keyring, const char *directory)
{
    struct keys *keys = calloc(1, sizeof *keys);
    CHECK(keys != NULL);
    DIR *folder = opendir(directory);
    if (folder == NULL) LOG_ERROR("the keys directory cannot be read");
    for (struct dirent *file; folder != NULL && (file = readdir(folder)) != NULL;) {
        char name[KEY_NAME_CHARACTERS_MAX + 1];
        if (name_of(file->d_name, name)) read_file(directory, name, keys);
    }
    if (folder != NULL) closedir(folder);
    pthread_rwlock_wrlock(&keyring->lock);
    bool differs = !is_same(&keyring->services, keys->items, keys->count);
    keyring->services = *keys;
    pthread_rwlock_unlock(&keyring->lock);
    free(keys);
    return differs;
}

bool keyring_set_users(struct keyring *keyring, const struct keyring_key *keys, size_t count)
{
    CHECK(count <= KEYRING_KEYS_MAX);
    pthread_rwlock_wrlock(&keyring->lock);
    struct keys *users = &keyring->users;
    bool differs = !is_same(users, keys, count);
    if (differs && count > 0) memcpy(users->items, keys, count * sizeof keys[0]);
    users->count = count;
    for (size_t i = 0; i < count; i++) {
        users->items[i].signs_users = true;
        users->items[i].signs_services = false;
        snprintf(users->items[i].issuer, sizeof users->items[i].issuer, KEYRING_ISSUER_AUTH);
    }
    pthread_rwlock_unlock(&keyring->lock);
    return differs;
}

bool keyring_find(struct keyring *keyring, const char *kid, struct keyring_key *ret)
{
    pthread_rwlock_rdlock(&keyring->lock);
    const struct keyring_key *user = find(&keyring->users, kid);
    const struct keyring_key *service = find(&keyring->services, kid);
    if (user != NULL || service != NULL) *ret = user != NULL ? *user : *service;
    // Auth may sign both with one key; any other daemon's key in the JWKS stays auth's there.
    if (user != NULL && service != NULL && strcmp(user->issuer, service->issuer) == 0) {
        ret->signs_services = true;
    }
    pthread_rwlock_unlock(&keyring->lock);
    return user != NULL || service != NULL;
}
