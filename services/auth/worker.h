/// @file services/auth/worker.h
/// The thread beside the calls: delivers messages as soon as they are durable, sweeps, and tends
/// the signing keys. Waking     auth_worker_wake_after queues an empty job behind the one that
/// calls it; when that is
///            done, so is the commit, and the worker looks. Without a wake it looks when the next
///            message is due, and each 10 s.
/// Life       open before the first call, start, stop before the store is closed, close. Only
///            between start and stop is there a thread; messages that are queued else wait for the
///            next one. What is under way when it stops is abandoned, and sent by the next one.
/// Threads    auth_worker_wake_after: a job on the store's writer thread. The others: main.
#pragma once

#include "services/auth/delivery.h"

/// auth_worker_open makes the worker. delivery NULL: messages wait in the store. Errors: those of
/// auth_delivery_open.
MUST_USE struct status auth_worker_open(const struct auth_service *service,
                                        const struct auth_delivery_config *delivery,
                                        struct auth_worker **ret);
void auth_worker_start(struct auth_worker *worker);
void auth_worker_wake_after(struct auth_worker *worker); // NULL is fine.
void auth_worker_stop(struct auth_worker *worker);       // Joins the thread; idempotent.
void auth_worker_close(struct auth_worker **worker);     // Stops too; idempotent.
