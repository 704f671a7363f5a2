#include "services/auth/record_factor.h"

enum { LAYOUT_VERSION = 1 };

size_t auth_factor_encode(const struct auth_factor_record *factor,
                          uint8_t ret[static AUTH_FACTOR_BYTES_MAX])
{
    CHECK(factor->recovery_count <= AUTH_RECOVERY_CODES_MAX);
    struct record_writer writer = record_write(ret, AUTH_FACTOR_BYTES_MAX, LAYOUT_VERSION);
    record_put_u8(&writer, (uint8_t)factor->state);
    record_put_u64(&writer, factor->created_at_ns);
    record_put_u64(&writer, factor->confirmed_at_ns);
    record_put_u64(&writer, factor->last_step);
    record_put_u8(&writer, factor->attempts);
    record_put_bytes(&writer, factor->sealed_secret, sizeof factor->sealed_secret);
    record_put_u8(&writer, factor->recovery_count);
    record_put_bytes(&writer, factor->recovery_macs,
                     factor->recovery_count * sizeof factor->recovery_macs[0]);
    return record_written(&writer);
}

/// is_possible: a pending one has been used for nothing yet.
static bool is_possible(const struct auth_factor_record *factor)
{
    if (factor->state == AUTH_FACTOR_CONFIRMED)
        return factor->confirmed_at_ns > 0 && factor->attempts == 0;
    return factor->confirmed_at_ns == 0 && factor->last_step == 0 && factor->recovery_count == 0;
}

struct status auth_factor_decode(struct bytes record, struct auth_factor_record *ret)
{
    struct record_reader reader = record_read(record, LAYOUT_VERSION);
    struct auth_factor_record factor = {0};
    factor.state = (enum auth_factor_state)record_take_enum(&reader, AUTH_FACTOR_PENDING,
                                                            AUTH_FACTOR_CONFIRMED);
    factor.created_at_ns = record_take_u64(&reader);
    factor.confirmed_at_ns = record_take_u64(&reader);
    factor.last_step = record_take_u64(&reader);
    factor.attempts = (uint8_t)record_take_enum(&reader, 0, AUTH_ENROLMENT_ATTEMPTS_MAX - 1);
    record_take_bytes(&reader, factor.sealed_secret, sizeof factor.sealed_secret);
    factor.recovery_count = (uint8_t)record_take_enum(&reader, 0, AUTH_RECOVERY_CODES_MAX);
    record_take_bytes(&reader, factor.recovery_macs,
                      factor.recovery_count * sizeof factor.recovery_macs[0]);
    if (!record_is_whole(&reader) || !is_possible(&factor))
        return REFUSE(DATA_LOSS, AUTH_RECORD_BROKEN, "a stored auth record fails its checks");
    *ret = factor;
    return STATUS_SUCCESS;
}
