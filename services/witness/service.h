/// @file services/witness/service.h
/// The witness's one use case: compare a checkpoint with what was seen last, remember it, cosign.
/// Invariants  Comparing and remembering are one job of the store's single writer, so of two
///             requests that fit the same old size at most one is cosigned; what was cosigned is
///             durable before anybody is told.
/// Ownership   Signer and keys are the caller's and outlive the service's users.
/// Threads     Any may submit; done is called on the store's writer thread, or before submit
///             returns.
/// Errors      Those of core.h; UNAVAILABLE and RESOURCE_EXHAUSTED of the store.
/// Source      c2sp.org/tlog-witness.
#pragma once

#include "services/witness/store.h"

struct witness_service {
    struct store *store;             // With witness_store_schema.
    const struct key_signer *signer; // The witness's key, and what it is called by.
    struct note_verifier verifier;
    const struct note_verifier *log_keys; // Of the logs it knows.
    size_t log_key_count;
};

/// One add-checkpoint request on its way. Large: not for the stack.
struct witness_call {
    struct bytes body; // Until done.
    void (*done)(struct witness_call *call);
    struct status status;
    uint64_t size;                              // With SIZE_CONFLICT: what was cosigned last.
    char line[NOTE_COSIGNATURE_LINE_BYTES_MAX]; // With OK.
    size_t line_size;
    struct witness_request request; // Once it was parsed.

    struct store_job job; // The rest is the service's.
    const struct witness_service *service;
    size_t note_size; // The checkpoint as it will be kept, with room for our own line.
    char note[WITNESS_NOTE_BYTES_MAX];
};

/// witness_service_submit: body and done are set, the rest is zero.
void witness_service_submit(const struct witness_service *service, struct witness_call *call);
