#pragma once
#include "common/rpc/call.h"
#include <nng/nng.h>
