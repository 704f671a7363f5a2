#include "common/store/store.h"
#include "services/kyc/core.h"
#include <lmdb.h>

int bad(void)
{
    char text[4];
    strcpy(text, "x");
    return clock_wall_ns() > 0; // TODO later
}
