/// @file services/auth/rpc.h
/// The AuthService's handlers, one per row of the generated auth_methods.
/// Context    rpc_call.service is a struct auth_service.
/// Threads    As the method's access says (common/rpc/call.h). RegisterUser and Login are POOL:
/// they
///            hash, and write afterwards.
#pragma once

#include "common/rpc/call.h"
#include "florin/auth/v1/auth_methods.h"

extern const rpc_handler auth_handlers[AUTH_METHOD_COUNT];
