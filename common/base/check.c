#include "common/base/check.h"

#include "common/base/log.h"

#include <stdlib.h>

_Noreturn void check_failed(const char *file, int line, const char *expression)
{
    LOG_ERROR("check failed", LOG_TEXT("file", file), LOG_I64("line", line),
              LOG_TEXT("expression", expression));
    abort();
}
