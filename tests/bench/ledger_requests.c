#include "tests/bench/ledger_requests.h"

#include "common/rpc/amount.h"

void ledger_request_make(uint64_t *random, struct ledger_request *ret)
{
    ret->movement = books_transfer(random, false);
    struct ledger_transfer *asked = &ret->movement.asked;
    type__uint128__init(&ret->amount);
    rpc_amount_put(&ret->amount.base, asked->amount);
    ledger__create_transfer_request__init(&ret->message);
    ret->message.id = (ProtobufCBinaryData){ID128_BYTES, asked->id.bytes};
    ret->message.debit_account_id =
        (ProtobufCBinaryData){ID128_BYTES, asked->account_id[LEDGER_DEBIT].bytes};
    ret->message.credit_account_id =
        (ProtobufCBinaryData){ID128_BYTES, asked->account_id[LEDGER_CREDIT].bytes};
    ret->message.amount = &ret->amount;
    ret->message.currency = asked->currency;
    ret->message.kind = LEDGER__TRANSFER_KIND__POSTED;
}
