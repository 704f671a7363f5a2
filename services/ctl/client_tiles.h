/// @file services/ctl/client_tiles.h
/// A running daemon's log as a source of tiles, and what else it says of the log by RPC.
#pragma once

#include "common/crypto/merkle.h"
#include "services/ctl/client.h"
#include "services/ctl/tile_source.h"

/// context of the source: the client, of daemon "audit".
struct tile_source client_tiles_source(struct ctl_client *client);

/// client_tiles_prove is log_export_config.prove; context: the client.
struct status client_tiles_prove(void *context, uint64_t from, uint64_t to,
                                 struct merkle_proof *ret);
