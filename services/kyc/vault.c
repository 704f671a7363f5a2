#include "services/kyc/vault.h"

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/crypto/keys.h"
#include "common/daemon/keychain.h"
#include "services/kyc/record.h"

#include <stdlib.h>
#include <unistd.h>

enum {
    TABLE_KEYS = STORE_TABLE_SERVICE_FIRST,
    TABLE_NUMBERS, // reference(16) -> 1 | span
};

static const struct store_table tables[] = {
    {TABLE_KEYS, "vault_keys"},
    {TABLE_NUMBERS, "vault_numbers"},
};

static const struct store_schema schema = {
    .name = "kyc_vault",
    .version = 1,
    .tables = tables,
    .table_count = sizeof tables / sizeof tables[0],
};

struct kyc_vault {
    struct store *store;
    struct seal *seal;
};

struct status kyc_vault_open(const char *directory, const uint8_t kek[static SEAL_KEK_BYTES],
                             bool may_be_new, struct kyc_vault **ret)
{
    const struct status missing = REFUSE(FAILED_PRECONDITION, VAULT_MISSING,
                                         "the vault of this store has to be restored too");
    // Asked before the store is opened, which would make the directory that a restore wants empty.
    if (!may_be_new && access(directory, F_OK) != 0) return missing;
    CLEANUP(kyc_vault_close) struct kyc_vault *vault = calloc(1, sizeof *vault);
    CHECK(vault != NULL);
    const struct store_schema *schemas[] = {&schema};
    struct store_config config = {.directory = directory};
    RETURN_IF_ERROR(store_open(&config, schemas, 1, &vault->store));
    bool has_keys;
    RETURN_IF_ERROR(keychain_exists(vault->store, TABLE_KEYS, &has_keys));
    if (!may_be_new && !has_keys) return missing;
    RETURN_IF_ERROR(keychain_open(vault->store, TABLE_KEYS, kek, &vault->seal));
    *ret = vault;
    vault = NULL; // The caller's now.
    return STATUS_SUCCESS;
}

void kyc_vault_close(struct kyc_vault **vault)
{
    if (*vault == NULL) return;
    store_close(&(*vault)->store);
    seal_close(&(*vault)->seal);
    free(*vault);
    *vault = NULL;
}

struct store *kyc_vault_store(struct kyc_vault *vault)
{
    return vault->store;
}

/// The reference is the owner in the seal's binding: entries cannot be exchanged, and the vault
/// does not know whose numbers it holds.
static struct seal_place place_of(struct id128 reference, const uint8_t *owner_key)
{
    return (struct seal_place){.table = "vault_numbers",
                               .field = "aadhaar_number",
                               .owner = reference,
                               .owner_key = owner_key};
}

struct entry {
    struct id128 reference;
    uint8_t record[KYC_VAULT_BYTES_MAX];
    size_t size;
};

static struct status put_entry(struct store_txn *txn, void *context)
{
    const struct entry *entry = context;
    struct bytes key = bytes_of(entry->reference.bytes, ID128_BYTES);
    CHECK(!store_has(txn, TABLE_NUMBERS, key)); // 128 random bits do not come twice.
    store_put(txn, TABLE_NUMBERS, key, bytes_of(entry->record, entry->size));
    return STATUS_SUCCESS;
}

struct status kyc_vault_put(struct kyc_vault *vault,
                            const uint8_t owner_key[static SEAL_OWNER_KEY_BYTES],
                            const char *number, struct id128 *ret_reference)
{
    // Random, not a UUIDv7: a reference says nothing, not even when it was made.
    struct entry entry;
    key_random(entry.reference.bytes, ID128_BYTES);
    struct seal_place place = place_of(entry.reference, owner_key);
    struct bytes plain = bytes_of_text(number);
    CHECK(plain.size > 0 && plain.size < KYC_IDENTIFIER_BYTES);
    uint8_t sealed[KYC_IDENTIFIER_BYTES + SEAL_OVERHEAD_BYTES];
    size_t sealed_size = seal_value(vault->seal, &place, plain, sealed);
    entry.size = kyc_vault_encode(bytes_of(sealed, sealed_size), entry.record);
    RETURN_IF_ERROR(store_write_wait(vault->store, put_entry, &entry));
    *ret_reference = entry.reference;
    return STATUS_SUCCESS;
}

struct status kyc_vault_get(struct kyc_vault *vault,
                            const uint8_t owner_key[static SEAL_OWNER_KEY_BYTES],
                            struct id128 reference, struct arena *arena, const char **ret_number)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(vault->store, &txn));
    struct bytes record, sealed, plain;
    struct status found =
        store_get(txn, TABLE_NUMBERS, bytes_of(reference.bytes, ID128_BYTES), &record);
    if (found.code == STATUS_NOT_FOUND)
        return REFUSE(NOT_FOUND, VAULT_REFERENCE_NOT_FOUND, "the vault has no such reference");
    RETURN_IF_ERROR(found);
    RETURN_IF_ERROR(kyc_vault_decode(record, &sealed));
    struct seal_place place = place_of(reference, owner_key);
    RETURN_IF_ERROR(unseal_value(vault->seal, &place, sealed, arena, &plain));
    *ret_number = (const char *)plain.data;
    return STATUS_SUCCESS;
}

static struct status delete_entry(struct store_txn *txn, void *context)
{
    const struct id128 *reference = context;
    store_delete(txn, TABLE_NUMBERS, bytes_of(reference->bytes, ID128_BYTES));
    return STATUS_SUCCESS;
}

void kyc_vault_forget(struct kyc_vault *vault, struct id128 reference)
{
    struct status status = store_write_wait(vault->store, delete_entry, &reference);
    if (!status_ok(status))
        log_status(LOG_LEVEL_WARN, "an entry of the vault stays without a record", status);
}
