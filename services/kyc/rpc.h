/// @file services/kyc/rpc.h
/// The KycService's handlers, one per row of the generated kyc_methods.
/// Context    rpc_call.service is a struct kyc_service.
/// Threads    As the method's access says (common/rpc/call.h). SubmitAadhaar is POOL: it waits for
///            the vault's commit before its own, and no store's writer may wait for another's.
#pragma once

#include "common/rpc/call.h"
#include "florin/kyc/v1/kyc_methods.h"

extern const rpc_handler kyc_handlers[KYC_METHOD_COUNT];
