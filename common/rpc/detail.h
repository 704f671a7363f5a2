/// @file common/rpc/detail.h
/// A fact that goes with a refusal: "limit" = "10000".
#pragma once

enum { RPC_DETAILS_MAX = 8 };

struct rpc_detail {
    const char *key, *value;
};
