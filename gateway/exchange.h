/// @file gateway/exchange.h
/// API keys as bearers: each is exchanged at auth for an access token, which the daemons
/// understand, before the request is passed on.
/// Shared     Requests with one key, from one address, that wait at the same time share one
///            exchange; its token is kept for those that come later (keytokens.h).
/// Threads    gateway_exchange_begin: the request's loop. The answer comes on a transport thread,
///            which touches each waiting request as on_answer of proxy.c does, and posts its job.
/// Lifetime   Whoever waits has called gateway_call_begin; the exchange itself does, too.
#pragma once

#include "common/base/status.h"

#include <stdbool.h>

struct gateway;
struct gateway_request;
struct gateway_exchanges;

struct gateway_exchanges *gateway_exchanges_open(struct gateway *gateway);
void gateway_exchanges_close(struct gateway_exchanges **exchanges); // Nothing waits. Idempotent.

/// gateway_exchange_begin puts a token into the call's metadata if there is one already: true.
/// Else request->job is posted when auth has answered: with the token, or with the call's outcome
/// and status as if its daemon had refused.
bool gateway_exchange_begin(struct gateway_request *request);

/// gateway_exchange_again: the daemon has refused the token that the request's key was exchanged
/// for, because it has run out, or its rights have changed. True, once for each request: ask anew.
bool gateway_exchange_again(struct gateway_request *request);
