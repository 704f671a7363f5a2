#include "services/auth/record_access.h"

#include "common/base/record.h"

enum { LAYOUT_VERSION = 1 };

const uint8_t auth_policy_key[AUTH_POLICY_KEY_BYTES] = {0};

#define BROKEN REFUSE(DATA_LOSS, AUTH_RECORD_BROKEN, "a stored auth record fails its checks")

// ---- Names ---------------------------------------------------------------------------------

bool auth_access_name_is_valid(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_.-";
    size_t size = strnlen(name, AUTH_ROLE_BYTES);
    if (strchr("_.-", name[0]) != NULL) return false; // Also "": and ".." is no part of a path.
    return size > 0 && size < AUTH_ROLE_BYTES && strspn(name, allowed) == size;
}

/// find_name gives the place of a name, or the one where it would go.
static size_t find_name(const struct auth_name_list *list, const char *name, bool *ret_found)
{
    size_t at = 0;
    while (at < list->count && strcmp(list->names[at], name) < 0)
        at++;
    *ret_found = at < list->count && strcmp(list->names[at], name) == 0;
    return at;
}

bool auth_name_list_add(struct auth_name_list *list, const char *name)
{
    bool is_found;
    size_t size = strlen(name), at = find_name(list, name, &is_found);
    if (is_found) return false;
    CHECK(list->count < AUTH_LIST_MAX && size > 0 && size < AUTH_ROLE_BYTES);
    memmove(list->names[at + 1], list->names[at], (list->count - at) * AUTH_ROLE_BYTES);
    memset(list->names[at], 0, AUTH_ROLE_BYTES);
    memcpy(list->names[at], name, size);
    list->count++;
    return true;
}

bool auth_name_list_has(const struct auth_name_list *list, const char *name)
{
    bool is_found;
    (void)find_name(list, name, &is_found);
    return is_found;
}

bool auth_name_list_equal(const struct auth_name_list *a, const struct auth_name_list *b)
{
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->names[i], b->names[i]) != 0) return false;
    }
    return true;
}

// ---- Pieces --------------------------------------------------------------------------------

static void put_text(struct record_writer *writer, const char *text, size_t bytes_max)
{
    struct bytes run = bytes_of_text(text);
    CHECK(run.size < bytes_max);
    record_put_run16(writer, run);
}

static void take_text(struct record_reader *reader, char *ret, size_t bytes_max)
{
    struct bytes run = record_take_run16(reader);
    record_expect(reader, run.size < bytes_max);
    memset(ret, 0, bytes_max);
    if (!reader->is_broken && run.size > 0) memcpy(ret, run.data, run.size);
    record_expect(reader, strlen(ret) == run.size);
}

static void put_name(struct record_writer *writer, const char *name)
{
    struct bytes run = bytes_of_text(name);
    CHECK(run.size > 0 && run.size < AUTH_ROLE_BYTES);
    record_put_run8(writer, run);
}

static void take_name(struct record_reader *reader, char ret[static AUTH_ROLE_BYTES])
{
    struct bytes run = record_take_run8(reader);
    record_expect(reader, run.size > 0 && run.size < AUTH_ROLE_BYTES);
    memset(ret, 0, AUTH_ROLE_BYTES);
    if (!reader->is_broken) memcpy(ret, run.data, run.size);
    record_expect(reader, auth_access_name_is_valid(ret) && strlen(ret) == run.size);
}

static void put_list(struct record_writer *writer, const struct auth_name_list *list)
{
    record_put_u8(writer, (unsigned)list->count);
    for (size_t i = 0; i < list->count; i++) {
        put_name(writer, list->names[i]);
    }
}

static void take_list(struct record_reader *reader, struct auth_name_list *ret)
{
    ret->count = (size_t)record_take_enum(reader, 0, AUTH_LIST_MAX);
    for (size_t i = 0; i < ret->count; i++) {
        take_name(reader, ret->names[i]);
        record_expect(reader, i == 0 || strcmp(ret->names[i - 1], ret->names[i]) < 0);
    }
}

static void put_revision(struct record_writer *writer, const struct auth_revision *revision)
{
    record_put_u64(writer, revision->version);
    record_put_u64(writer, revision->created_at_ns);
    record_put_u64(writer, revision->updated_at_ns);
}

static void take_revision(struct record_reader *reader, struct auth_revision *ret)
{
    ret->version = record_take_u64(reader);
    ret->created_at_ns = record_take_u64(reader);
    ret->updated_at_ns = record_take_u64(reader);
    record_expect(reader, ret->version > 0);
}

struct status auth_access_key_decode(struct bytes key, char ret[static AUTH_ROLE_BYTES])
{
    char name[AUTH_ROLE_BYTES] = "";
    if (key.size == 0 || key.size >= sizeof name) return BROKEN;
    memcpy(name, key.data, key.size);
    if (strlen(name) != key.size || !auth_access_name_is_valid(name)) return BROKEN;
    memcpy(ret, name, sizeof name);
    return STATUS_SUCCESS;
}

// ---- The policy ----------------------------------------------------------------------------

size_t auth_policy_encode(uint64_t version, uint8_t ret[static AUTH_POLICY_BYTES])
{
    struct record_writer writer = record_write(ret, AUTH_POLICY_BYTES, LAYOUT_VERSION);
    record_put_u64(&writer, version);
    return record_written(&writer);
}

struct status auth_policy_decode(struct bytes record, uint64_t *ret_version)
{
    struct record_reader reader = record_read(record, LAYOUT_VERSION);
    uint64_t version = record_take_u64(&reader);
    if (!record_is_whole(&reader)) return BROKEN;
    *ret_version = version;
    return STATUS_SUCCESS;
}

// ---- Roles ---------------------------------------------------------------------------------

size_t auth_role_encode(const struct auth_role *role,
                        uint8_t ret[static AUTH_ROLE_RECORD_BYTES_MAX])
{
    struct record_writer writer = record_write(ret, AUTH_ROLE_RECORD_BYTES_MAX, LAYOUT_VERSION);
    put_revision(&writer, &role->revision);
    put_text(&writer, role->description, sizeof role->description);
    CHECK(role->right_count <= AUTH_RIGHTS_MAX);
    record_put_u8(&writer, (unsigned)role->right_count);
    for (size_t i = 0; i < role->right_count; i++) {
        put_name(&writer, role->rights[i].permission);
        record_put_u8(&writer, (unsigned)role->rights[i].scope);
    }
    return record_written(&writer);
}

struct status auth_role_decode(struct bytes key, struct bytes record, struct auth_role *ret)
{
    struct auth_role role = {0};
    RETURN_IF_ERROR(auth_access_key_decode(key, role.name));
    struct record_reader reader = record_read(record, LAYOUT_VERSION);
    take_revision(&reader, &role.revision);
    take_text(&reader, role.description, sizeof role.description);
    role.right_count = (size_t)record_take_enum(&reader, 0, AUTH_RIGHTS_MAX);
    for (size_t i = 0; i < role.right_count; i++) {
        struct auth_right *right = &role.rights[i];
        take_name(&reader, right->permission);
        right->scope = (enum auth_scope)record_take_enum(&reader, AUTH_SCOPE_SELF, AUTH_SCOPE_LAST);
        record_expect(&reader, i == 0 || strcmp(right[-1].permission, right->permission) < 0);
    }
    if (!record_is_whole(&reader)) return BROKEN;
    *ret = role;
    return STATUS_SUCCESS;
}

// ---- Branches ------------------------------------------------------------------------------

size_t auth_branch_encode(const struct auth_branch *branch,
                          uint8_t ret[static AUTH_BRANCH_RECORD_BYTES_MAX])
{
    struct record_writer writer = record_write(ret, AUTH_BRANCH_RECORD_BYTES_MAX, LAYOUT_VERSION);
    record_put_u8(&writer, (unsigned)branch->status);
    put_revision(&writer, &branch->revision);
    put_text(&writer, branch->name, sizeof branch->name);
    return record_written(&writer);
}

struct status auth_branch_decode(struct bytes key, struct bytes record, struct auth_branch *ret)
{
    struct auth_branch branch = {0};
    RETURN_IF_ERROR(auth_access_key_decode(key, branch.code));
    struct record_reader reader = record_read(record, LAYOUT_VERSION);
    branch.status = (enum auth_branch_status)record_take_enum(&reader, AUTH_BRANCH_OPEN,
                                                              AUTH_BRANCH_STATUS_LAST);
    take_revision(&reader, &branch.revision);
    take_text(&reader, branch.name, sizeof branch.name);
    if (!record_is_whole(&reader)) return BROKEN;
    *ret = branch;
    return STATUS_SUCCESS;
}

// ---- Features ------------------------------------------------------------------------------

size_t auth_feature_encode(const struct auth_feature *feature,
                           uint8_t ret[static AUTH_FEATURE_RECORD_BYTES_MAX])
{
    struct record_writer writer = record_write(ret, AUTH_FEATURE_RECORD_BYTES_MAX, LAYOUT_VERSION);
    record_put_u8(&writer, feature->is_enabled);
    put_revision(&writer, &feature->revision);
    put_text(&writer, feature->description, sizeof feature->description);
    put_list(&writer, &feature->permissions);
    put_list(&writer, &feature->denied_branches);
    put_list(&writer, &feature->denied_roles);
    return record_written(&writer);
}

struct status auth_feature_decode(struct bytes key, struct bytes record, struct auth_feature *ret)
{
    struct auth_feature feature = {0};
    RETURN_IF_ERROR(auth_access_key_decode(key, feature.name));
    struct record_reader reader = record_read(record, LAYOUT_VERSION);
    feature.is_enabled = record_take_enum(&reader, 0, 1) == 1;
    take_revision(&reader, &feature.revision);
    take_text(&reader, feature.description, sizeof feature.description);
    take_list(&reader, &feature.permissions);
    take_list(&reader, &feature.denied_branches);
    take_list(&reader, &feature.denied_roles);
    if (!record_is_whole(&reader)) return BROKEN;
    *ret = feature;
    return STATUS_SUCCESS;
}
