/// @file gateway/stream_check.h
/// Token checks that may have to ask auth, on a thread of their own: loops and the reader of the
/// log never wait for them. Asked only where the quick check says IDENTITY_STALE (keys or policy
/// not known yet, auth's feed silent). Threads    Any may ask; the answer is posted to the asker's
/// loop.
#pragma once

#include "common/rpc/server.h"
#include "gateway/http/server.h"

struct stream_checker;

/// The asker's to make, the job's to free.
struct stream_check {
    struct http_job job;
    struct http_loop *loop;
    void *asker; // The loop's alone.
    char token[TOKEN_BYTES_MAX];
    struct stream_check *next; // The checker's.
    struct status status;
    struct token_claims claims;
};

struct stream_checker *stream_checker_open(const struct rpc_identity *identity);
/// stream_checker_stop ends the thread; what is not answered is posted with UNAVAILABLE / DRAINING.
/// Idempotent.
void stream_checker_stop(struct stream_checker *checker);
void stream_checker_close(struct stream_checker **checker); // Idempotent.
void stream_checker_ask(struct stream_checker *checker, struct stream_check *check);
