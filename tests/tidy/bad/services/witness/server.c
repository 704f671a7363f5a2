#include "gateway/http/server.h"

#include "gateway/router.h"
