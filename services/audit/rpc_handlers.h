/// @file services/audit/rpc_handlers.h
/// The handlers behind audit_handlers, by file.
#pragma once

#include "services/audit/rpc.h"

// rpc_event.c
struct status audit_rpc_list_events(struct rpc_call *call, struct store_txn *txn);
struct status audit_rpc_get_event(struct rpc_call *call, struct store_txn *txn);
struct status audit_rpc_list_user_events(struct rpc_call *call, struct store_txn *txn);
// rpc_erase.c
struct status audit_rpc_erase_user_details(struct rpc_call *call, struct store_txn *txn);

// rpc_export.c
struct status audit_rpc_export_events_ndjson(struct rpc_call *call, struct store_txn *txn);
struct status audit_rpc_export_events_csv(struct rpc_call *call, struct store_txn *txn);
struct status audit_rpc_export_events_ocsf(struct rpc_call *call, struct store_txn *txn);
struct status audit_rpc_export_events_cef(struct rpc_call *call, struct store_txn *txn);

// rpc_report.c
struct status audit_rpc_get_activity_report(struct rpc_call *call, struct store_txn *txn);
struct status audit_rpc_list_suspicious(struct rpc_call *call, struct store_txn *txn);

// rpc_log.c
struct status audit_rpc_get_inclusion_proof(struct rpc_call *call, struct store_txn *txn);
struct status audit_rpc_get_inclusion_proof_file(struct rpc_call *call, struct store_txn *txn);
struct status audit_rpc_get_consistency_proof(struct rpc_call *call, struct store_txn *txn);
struct status audit_rpc_get_checkpoint(struct rpc_call *call, struct store_txn *txn);
struct status audit_rpc_get_tile(struct rpc_call *call, struct store_txn *txn);
struct status audit_rpc_get_entry_bundle(struct rpc_call *call, struct store_txn *txn);
struct status audit_rpc_get_status(struct rpc_call *call, struct store_txn *txn);
struct status audit_rpc_check_entries(struct rpc_call *call, struct store_txn *txn);

// rpc_consumer.c
struct status audit_rpc_read_log(struct rpc_call *call, struct store_txn *txn);
struct status audit_rpc_create_consumer(struct rpc_call *call, struct store_txn *txn);
struct status audit_rpc_list_consumers(struct rpc_call *call, struct store_txn *txn);
struct status audit_rpc_get_consumer(struct rpc_call *call, struct store_txn *txn);
struct status audit_rpc_delete_consumer(struct rpc_call *call, struct store_txn *txn);
struct status audit_rpc_fetch(struct rpc_call *call, struct store_txn *txn);
struct status audit_rpc_ack(struct rpc_call *call, struct store_txn *txn);

// rpc_webhook.c
struct status audit_rpc_create_webhook(struct rpc_call *call, struct store_txn *txn);
struct status audit_rpc_list_webhooks(struct rpc_call *call, struct store_txn *txn);
struct status audit_rpc_get_webhook(struct rpc_call *call, struct store_txn *txn);
struct status audit_rpc_update_webhook(struct rpc_call *call, struct store_txn *txn);
struct status audit_rpc_delete_webhook(struct rpc_call *call, struct store_txn *txn);
struct status audit_rpc_rotate_webhook_secret(struct rpc_call *call, struct store_txn *txn);
struct status audit_rpc_test_webhook(struct rpc_call *call, struct store_txn *txn);
struct status audit_rpc_replay_webhook(struct rpc_call *call, struct store_txn *txn);
struct status audit_rpc_list_webhook_deliveries(struct rpc_call *call, struct store_txn *txn);

// rpc_inbox.c
struct status audit_rpc_list_notifications(struct rpc_call *call, struct store_txn *txn);
struct status audit_rpc_mark_notifications_read(struct rpc_call *call, struct store_txn *txn);
