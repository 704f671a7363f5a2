#include "tests/unit/gateway/things.h"

#include "florin/shapes/v1/shapes_methods.h"

#include <string.h>

static const struct {
    const char *verb, *template, *body;
    enum shapes_method_index method;
} rows[] = {
    {"GET", "/v1/things/{id}", "", SHAPES_GET_THING},
    {"PATCH", "/v1/things/{id}", "*", SHAPES_UPDATE_THING},
    {"PUT", "/v1/things/{thing_id}", "*", SHAPES_REPLACE_THING},
    {"GET", "/v1/things/{id}/report", "", SHAPES_GET_REPORT},
    {"GET", "/v1/things/{id}/report", "", SHAPES_GET_REPORT_CSV},
    {"GET", "/v1/things/{id}/report", "", SHAPES_GET_REPORT_XML},
    {"GET", "/v1/things", "", SHAPES_LIST_THINGS},
    {"POST", "/v1/things:import", "*", SHAPES_IMPORT_THINGS},
};

enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

const struct rpc_route *things_routes(const char *daemon, size_t *ret_count)
{
    static struct rpc_method methods[SHAPES_METHOD_COUNT];
    static struct rpc_route routes[ROW_COUNT];
    *ret_count = ROW_COUNT;
    if (routes[0].verb != NULL) return routes; // Others may be reading them.
    memcpy(methods, shapes_methods, sizeof methods);
    for (size_t i = 0; i < SHAPES_METHOD_COUNT; i++) {
        methods[i].daemon = daemon;
    }
    for (size_t i = 0; i < ROW_COUNT; i++) {
        routes[i] = (struct rpc_route){.verb = rows[i].verb,
                                       .template = rows[i].template,
                                       .body = rows[i].body,
                                       .method = &methods[rows[i].method]};
    }
    return routes;
}
