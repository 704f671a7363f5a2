#include "common/store/internal.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

// The meta table:
//     "id"             8 bytes, big-endian: the store's random id
//     "id/former"      8 bytes each: the ids of what it is a restored copy of, newest first
//     "schema/<name>"  4 bytes, big-endian: the version of one module's part
#define VERSION_KEY_PREFIX "schema/"

enum { SCHEMA_NAME_BYTES_MAX = 64, ID_BYTES = 8, VERSION_BYTES = 4 };

struct version_key {
    char text[sizeof VERSION_KEY_PREFIX + SCHEMA_NAME_BYTES_MAX];
};

static struct version_key version_key(const char *schema_name)
{
    struct version_key key = {.text = VERSION_KEY_PREFIX};
    size_t name_bytes = strlen(schema_name);
    CHECK(name_bytes > 0 && name_bytes <= SCHEMA_NAME_BYTES_MAX);
    memcpy(key.text + sizeof VERSION_KEY_PREFIX - 1, schema_name, name_bytes + 1);
    return key;
}

static uint64_t random_id(void)
{
    uint64_t id;
    CHECK(getrandom(&id, sizeof id, 0) == (ssize_t)sizeof id);
    return id;
}

// ---- Our own tables must be right ----------------------------------------------------------

static void check_schema(const struct store_schema *schema)
{
    CHECK(schema->version > 0);
    for (size_t i = 0; i < schema->migration_count; i++) { // Gapless up to version - 1.
        CHECK(schema->migrations[i].run != NULL);
        CHECK(schema->migrations[i].from + schema->migration_count - i == schema->version);
    }
}

static struct status open_table(struct store *store, MDB_txn *txn, uint8_t number, const char *name)
{
    CHECK(number < STORE_TABLE_COUNT_MAX);
    CHECK(!store->table_is_open[number]); // A number belongs to one table.
    MDB_dbi handle;
    RETURN_IF_ERROR(engine_status(mdb_dbi_open(txn, name, MDB_CREATE, &handle)));
    for (size_t i = 0; i < STORE_TABLE_COUNT_MAX; i++) {
        CHECK(!store->table_is_open[i] || store->tables[i] != handle); // And so does a name.
    }
    store->tables[number] = handle;
    store->table_is_open[number] = true;
    return STATUS_SUCCESS;
}

// ---- Versions ------------------------------------------------------------------------------

static struct status get_version(struct store_txn *txn, const char *schema_name, uint32_t *ret)
{
    struct version_key key = version_key(schema_name);
    struct bytes value;
    RETURN_IF_ERROR(store_get(txn, STORE_TABLE_META, bytes_of_text(key.text), &value));
    if (value.size != VERSION_BYTES) {
        return REFUSE(DATA_LOSS, STORE_CORRUPT, "a schema version in the meta table is damaged");
    }
    *ret = get_u32_be(value.data);
    return STATUS_SUCCESS;
}

static void put_version(struct store_txn *txn, const char *schema_name, uint32_t version)
{
    struct version_key key = version_key(schema_name);
    uint8_t value[VERSION_BYTES];
    put_u32_be(value, version);
    store_put(txn, STORE_TABLE_META, bytes_of_text(key.text), bytes_of(value, sizeof value));
}

// A store with a schema that the binary does not know is another daemon's, or a newer one's.
static struct status check_no_foreign_schema(struct store_txn *txn,
                                             const struct store_schema *const *schemas,
                                             size_t schema_count)
{
    const struct bytes prefix = bytes_of_text(VERSION_KEY_PREFIX);
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, STORE_TABLE_META, &cursor);
    for (bool found = store_cursor_seek(&cursor, prefix); found;
         found = store_cursor_next(&cursor)) {
        if (cursor.key.size < prefix.size ||
            memcmp(cursor.key.data, prefix.data, prefix.size) != 0) {
            break;
        }
        bool known = false;
        for (size_t i = 0; i < schema_count && !known; i++) {
            struct version_key key = version_key(schemas[i]->name);
            known = bytes_equal(cursor.key, bytes_of_text(key.text));
        }
        if (!known) {
            return REFUSE(FAILED_PRECONDITION, SCHEMA_UNKNOWN,
                          "the store holds a schema that this program does not know");
        }
    }
    return STATUS_SUCCESS;
}

static struct status migrate(struct store_txn *txn, const struct store_schema *schema,
                             uint32_t version)
{
    if (version > schema->version) {
        return REFUSE(FAILED_PRECONDITION, SCHEMA_TOO_NEW,
                      "a newer program has written the store: this one would misread it");
    }
    for (; version < schema->version; version++) {
        const struct store_migration *migration = NULL;
        for (size_t i = 0; i < schema->migration_count; i++) {
            if (schema->migrations[i].from == version) migration = &schema->migrations[i];
        }
        if (migration == NULL) {
            return REFUSE(FAILED_PRECONDITION, SCHEMA_TOO_OLD,
                          "no migration leads from the store's version to this program's");
        }
        RETURN_IF_ERROR(migration->run(txn));
        RETURN_IF_ERROR(store_txn_status(txn));
        put_version(txn, schema->name, version + 1);
    }
    return STATUS_SUCCESS;
}

static struct status open_schema(struct store_txn *txn, const struct store_schema *schema)
{
    check_schema(schema);
    for (size_t i = 0; i < schema->table_count; i++) {
        CHECK(schema->tables[i].number != STORE_TABLE_META);
        RETURN_IF_ERROR(
            open_table(txn->store, txn->group, schema->tables[i].number, schema->tables[i].name));
    }
    uint32_t version;
    struct status status = get_version(txn, schema->name, &version);
    if (status.code == STATUS_NOT_FOUND) { // Its tables are new and empty: nothing to migrate.
        put_version(txn, schema->name, schema->version);
        return STATUS_SUCCESS;
    }
    RETURN_IF_ERROR(status);
    return migrate(txn, schema, version);
}

static struct status open_id(struct store_txn *txn)
{
    struct bytes key = bytes_of_text(SCHEMA_ID_KEY), value;
    struct status status = store_get(txn, STORE_TABLE_META, key, &value);
    if (status_ok(status)) {
        if (value.size != ID_BYTES) {
            return REFUSE(DATA_LOSS, STORE_CORRUPT, "the store id in the meta table is damaged");
        }
        txn->store->id = get_u64_be(value.data);
        return STATUS_SUCCESS;
    }
    if (status.code != STATUS_NOT_FOUND) return status;
    txn->store->id = random_id();
    uint8_t bytes[ID_BYTES];
    put_u64_be(bytes, txn->store->id);
    store_put(txn, STORE_TABLE_META, key, bytes_of(bytes, sizeof bytes));
    return STATUS_SUCCESS;
}

static struct status open_former_ids(struct store_txn *txn)
{
    struct store *store = txn->store;
    struct bytes value;
    struct status status =
        store_get(txn, STORE_TABLE_META, bytes_of_text(SCHEMA_FORMER_IDS_KEY), &value);
    if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
    RETURN_IF_ERROR(status);
    if (value.size % ID_BYTES != 0 || value.size > sizeof store->former_ids)
        return REFUSE(DATA_LOSS, STORE_CORRUPT, "the former ids in the meta table are damaged");
    store->former_id_count = value.size / ID_BYTES;
    for (size_t i = 0; i < store->former_id_count; i++)
        store->former_ids[i] = get_u64_be(value.data + i * ID_BYTES);
    return STATUS_SUCCESS;
}

static struct status open_parts(struct store_txn *txn, const struct store_schema *const *schemas,
                                size_t schema_count)
{
    RETURN_IF_ERROR(open_table(txn->store, txn->group, STORE_TABLE_META, SCHEMA_META_NAME));
    RETURN_IF_ERROR(open_id(txn));
    RETURN_IF_ERROR(open_former_ids(txn));
    RETURN_IF_ERROR(check_no_foreign_schema(txn, schemas, schema_count));
    for (size_t i = 0; i < schema_count; i++) {
        RETURN_IF_ERROR(open_schema(txn, schemas[i]));
    }
    return store_txn_status(txn);
}

struct status schema_open(struct store *store, const struct store_schema *const *schemas,
                          size_t schema_count)
{
    // One transaction for all: a store is either wholly at the new versions or untouched.
    struct store_txn txn = {.store = store, .is_write = true};
    RETURN_IF_ERROR(engine_status(mdb_txn_begin(store->env, NULL, 0, &txn.group)));
    txn.current = txn.group;
    struct status status = open_parts(&txn, schemas, schema_count);
    CHECK(txn.cursor_count == 0);
    if (!status_ok(status)) {
        mdb_txn_abort(txn.group);
        return status;
    }
    return engine_status(mdb_txn_commit(txn.group));
}

// ---- Restore -------------------------------------------------------------------------------

// Puts the id at the head of the former ones; the oldest goes when there are too many.
static int keep_old_id(MDB_txn *txn, MDB_dbi meta, MDB_val id)
{
    uint8_t bytes[STORE_FORMER_IDS_MAX * ID_BYTES];
    MDB_val key = {.mv_size = sizeof SCHEMA_FORMER_IDS_KEY - 1,
                   .mv_data = (char[]){SCHEMA_FORMER_IDS_KEY}};
    MDB_val former = {0};
    int rc = mdb_get(txn, meta, &key, &former);
    if (rc != 0 && rc != MDB_NOTFOUND) return rc;
    if (id.mv_size != ID_BYTES) return MDB_CORRUPTED;
    size_t kept = rc == 0 ? former.mv_size : 0;
    if (kept > sizeof bytes - ID_BYTES) kept = sizeof bytes - ID_BYTES;
    memcpy(bytes, id.mv_data, ID_BYTES);
    if (kept > 0) memcpy(bytes + ID_BYTES, former.mv_data, kept);
    MDB_val value = {.mv_size = ID_BYTES + kept, .mv_data = bytes};
    return mdb_put(txn, meta, &key, &value, 0);
}

static int write_new_id(MDB_env *env)
{
    MDB_txn *txn;
    MDB_dbi meta;
    uint8_t bytes[ID_BYTES];
    put_u64_be(bytes, random_id());
    MDB_val key = {.mv_size = sizeof SCHEMA_ID_KEY - 1, .mv_data = (char[]){SCHEMA_ID_KEY}};
    MDB_val value = {.mv_size = sizeof bytes, .mv_data = bytes}, old;
    int rc = mdb_txn_begin(env, NULL, 0, &txn);
    if (rc != 0) return rc;
    rc = mdb_dbi_open(txn, SCHEMA_META_NAME, 0, &meta);
    if (rc == 0) rc = mdb_get(txn, meta, &key, &old);
    if (rc == 0) rc = keep_old_id(txn, meta, old);
    if (rc == 0) rc = mdb_put(txn, meta, &key, &value, 0);
    if (rc == 0) return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return rc;
}

struct status schema_renew_id(const char *data_path)
{
    MDB_env *env;
    if (mdb_env_create(&env) != 0) engine_stop_process("mdb_env_create", ENOMEM);
    CHECK(mdb_env_set_maxdbs(env, 1) == 0);
    // The map only bounds this one transaction: LMDB raises it to what the file already holds, and
    // store_open sets it from the configuration.
    CHECK(mdb_env_set_mapsize(env, UINT64_C(64) << 30) == 0);
    int rc = mdb_env_open(env, data_path, MDB_NOSUBDIR | MDB_NOLOCK, 0600);
    if (rc == 0) rc = write_new_id(env);
    mdb_env_close(env);
    return engine_status(rc);
}
