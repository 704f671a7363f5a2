/// @file services/auth/notice.h
/// Messages that auth owes a user: queued in the transaction of what they tell about.
#pragma once

#include "services/auth/service.h"

/// auth_notice_queue sends a notice to the user's e-mail address, or to the mobile number when
/// there is no address; to nobody when there is neither (a service account) or the user is gone.
/// The user is read here: what is sealed in one that was read before has ended with the last write.
/// detail "" for none. The caller wakes the worker (auth_worker_wake_after) or leaves it to its
/// next look.
void auth_notice_queue(const struct auth_service *service, struct store_txn *txn,
                       struct id128 user_id, enum auth_message_kind kind, const char *detail,
                       uint64_t now_ns);
