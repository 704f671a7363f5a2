#include "common/event/registry.h"

static int compare(struct bytes a, const char *text)
{
    struct bytes b = bytes_of_text(text);
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size > 0 ? memcmp(a.data, b.data, size) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

const struct rpc_event_type *event_type_find(struct bytes type)
{
    size_t low = 0, high = rpc_event_type_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(type, rpc_event_types[middle].type);
        if (order == 0) return &rpc_event_types[middle];
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}
