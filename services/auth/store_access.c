#include "services/auth/store_access.h"

#include "common/base/check.h"
#include "common/event/note.h"

#include <stdio.h>

enum { SUBJECT_BYTES = 96 };

#define ROLE_NOT_FOUND REFUSE(NOT_FOUND, ROLE_NOT_FOUND, "there is no such role")
#define BRANCH_NOT_FOUND REFUSE(NOT_FOUND, BRANCH_NOT_FOUND, "there is no such branch")
#define FEATURE_NOT_FOUND REFUSE(NOT_FOUND, FEATURE_NOT_FOUND, "there is no such feature")

/// get_row: a name that cannot be one is not there either.
static struct status get_row(struct store_txn *txn, uint8_t table, const char *name,
                             struct status missing, struct bytes *ret)
{
    if (!auth_access_name_is_valid(name)) return missing;
    return store_get_or(txn, table, bytes_of_text(name), missing, ret);
}

/// put_named writes a row whose key is its name, and says whose record it is.
static void put_named(struct store_txn *txn, uint8_t table, const char *collection,
                      const char *name, struct bytes row)
{
    char subject[SUBJECT_BYTES];
    int size = snprintf(subject, sizeof subject, "%s/%s", collection, name);
    CHECK(size > 0 && (size_t)size < sizeof subject);
    event_note(txn, subject, table, bytes_of_text(name));
    store_put(txn, table, bytes_of_text(name), row);
}

/// seek_after stands on the first row whose name is greater; the policy's row is before all names.
static bool seek_after(struct store_cursor *cursor, const char *after)
{
    // The least key that is greater than a name is the name with a NUL behind it.
    char key[AUTH_ROLE_BYTES + 1] = "";
    size_t size = strnlen(after, AUTH_ROLE_BYTES);
    memcpy(key, after, size);
    bool has_row = store_cursor_seek(cursor, bytes_of(key, size + 1));
    bool is_policy = has_row && bytes_equal(cursor->key, bytes_of(auth_policy_key, 1));
    return is_policy ? store_cursor_next(cursor) : has_row;
}

// ---- Roles ---------------------------------------------------------------------------------

struct status auth_store_get_role(struct store_txn *txn, const char *name, struct auth_role *ret)
{
    struct bytes row;
    RETURN_IF_ERROR(get_row(txn, AUTH_TABLE_ROLES, name, ROLE_NOT_FOUND, &row));
    return auth_role_decode(bytes_of_text(name), row, ret);
}

void auth_store_put_role(struct store_txn *txn, const struct auth_role *role)
{
    uint8_t row[AUTH_ROLE_RECORD_BYTES_MAX];
    size_t size = auth_role_encode(role, row);
    put_named(txn, AUTH_TABLE_ROLES, "roles", role->name, bytes_of(row, size));
}

struct status auth_store_next_role(struct store_txn *txn, const char *after, struct auth_role *ret)
{
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUTH_TABLE_ROLES, &cursor);
    if (!seek_after(&cursor, after)) return ROLE_NOT_FOUND;
    return auth_role_decode(cursor.key, cursor.value, ret);
}

// ---- Branches ------------------------------------------------------------------------------

struct status auth_store_get_branch(struct store_txn *txn, const char *code,
                                    struct auth_branch *ret)
{
    struct bytes row;
    RETURN_IF_ERROR(get_row(txn, AUTH_TABLE_BRANCHES, code, BRANCH_NOT_FOUND, &row));
    return auth_branch_decode(bytes_of_text(code), row, ret);
}

void auth_store_put_branch(struct store_txn *txn, const struct auth_branch *branch)
{
    uint8_t row[AUTH_BRANCH_RECORD_BYTES_MAX];
    size_t size = auth_branch_encode(branch, row);
    put_named(txn, AUTH_TABLE_BRANCHES, "branches", branch->code, bytes_of(row, size));
}

struct status auth_store_next_branch(struct store_txn *txn, const char *after,
                                     struct auth_branch *ret)
{
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUTH_TABLE_BRANCHES, &cursor);
    if (!seek_after(&cursor, after)) return BRANCH_NOT_FOUND;
    return auth_branch_decode(cursor.key, cursor.value, ret);
}

// ---- Features ------------------------------------------------------------------------------

struct status auth_store_get_feature(struct store_txn *txn, const char *name,
                                     struct auth_feature *ret)
{
    struct bytes row;
    RETURN_IF_ERROR(get_row(txn, AUTH_TABLE_FEATURES, name, FEATURE_NOT_FOUND, &row));
    return auth_feature_decode(bytes_of_text(name), row, ret);
}

void auth_store_put_feature(struct store_txn *txn, const struct auth_feature *feature)
{
    uint8_t row[AUTH_FEATURE_RECORD_BYTES_MAX];
    size_t size = auth_feature_encode(feature, row);
    put_named(txn, AUTH_TABLE_FEATURES, "features", feature->name, bytes_of(row, size));
}

struct status auth_store_next_feature(struct store_txn *txn, const char *after,
                                      struct auth_feature *ret)
{
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUTH_TABLE_FEATURES, &cursor);
    if (!seek_after(&cursor, after)) return FEATURE_NOT_FOUND;
    return auth_feature_decode(cursor.key, cursor.value, ret);
}

// ---- All of them ---------------------------------------------------------------------------

size_t auth_store_count_names(struct store_txn *txn, uint8_t table, size_t count_max)
{
    CHECK(table == AUTH_TABLE_ROLES || table == AUTH_TABLE_FEATURES);
    size_t count = 0;
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, table, &cursor);
    for (bool row = seek_after(&cursor, ""); row && count < count_max;
         row = store_cursor_next(&cursor)) {
        count++;
    }
    return count;
}

struct status auth_store_get_policy_version(struct store_txn *txn, uint64_t *ret)
{
    struct bytes row;
    struct bytes key = bytes_of(auth_policy_key, sizeof auth_policy_key);
    struct status status = store_get(txn, AUTH_TABLE_ROLES, key, &row);
    if (status.code == STATUS_NOT_FOUND) {
        *ret = 0;
        return STATUS_SUCCESS;
    }
    RETURN_IF_ERROR(status);
    return auth_policy_decode(row, ret);
}

void auth_store_put_policy_version(struct store_txn *txn, uint64_t version)
{
    uint8_t row[AUTH_POLICY_BYTES];
    size_t size = auth_policy_encode(version, row);
    store_put(txn, AUTH_TABLE_ROLES, bytes_of(auth_policy_key, sizeof auth_policy_key),
              bytes_of(row, size));
}
