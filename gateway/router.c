#include "gateway/router.h"

#include "common/base/check.h"
#include "common/base/text.h"

#include <stdlib.h>
#include <string.h>

/// One position in the templates' tree. Variables at the same place share a node: which field one
/// fills is said by the route that ends below it.
struct node {
    char *literal; // NULL: a variable.
    bool takes_rest;
    struct node *children; // Literals first, so that they win.
    struct node *next;
    const struct rpc_route *routes[ROUTER_ALTERNATIVES_MAX];
    const char *verbs[ROUTER_ALTERNATIVES_MAX]; // The custom verb of each route; "" for none.
    size_t route_count;
};

struct router {
    struct node root;
};

struct segments {
    struct bytes items[ROUTER_SEGMENTS_MAX];
    size_t count;
};

static bool split(struct bytes path, struct segments *ret)
{
    ret->count = 0;
    if (path.size == 0 || path.data[0] != '/') return false;
    size_t begin = 1;
    for (size_t i = 1; i <= path.size; i++) {
        if (i < path.size && path.data[i] != '/') continue;
        if (ret->count == ROUTER_SEGMENTS_MAX) return false;
        ret->items[ret->count++] = bytes_of(path.data + begin, i - begin);
        begin = i + 1;
    }
    return true;
}

// Cuts ":verb" off the last segment; gives it, or nothing.
static struct bytes cut_verb(struct bytes *segment)
{
    for (size_t i = segment->size; i > 0; i--) {
        if (segment->data[i - 1] != ':') continue;
        struct bytes verb = bytes_of(segment->data + i, segment->size - i);
        segment->size = i - 1;
        return verb;
    }
    return bytes_of(NULL, 0);
}

static bool is_variable(struct bytes segment)
{
    return segment.size > 2 && segment.data[0] == '{' && segment.data[segment.size - 1] == '}';
}

static bool takes_rest(struct bytes segment)
{
    return is_variable(segment) && segment.size > 5 &&
           memcmp(segment.data + segment.size - 4, "=**}", 4) == 0;
}

static bool node_is(const struct node *node, struct bytes segment)
{
    if (is_variable(segment)) {
        return node->literal == NULL && node->takes_rest == takes_rest(segment);
    }
    return node->literal != NULL && bytes_equal(bytes_of_text(node->literal), segment);
}

static struct node *child_of(struct node *parent, struct bytes segment)
{
    struct node **at = &parent->children;
    for (; *at != NULL; at = &(*at)->next) {
        if (node_is(*at, segment)) return *at;
    }
    struct node *made = calloc(1, sizeof *made);
    CHECK(made != NULL);
    made->takes_rest = takes_rest(segment);
    if (is_variable(segment)) { // Behind every literal; what takes the rest comes last of all.
        at = &parent->children;
        while (*at != NULL && !(*at)->takes_rest) {
            at = &(*at)->next;
        }
        made->next = *at;
        *at = made;
        return made;
    }
    made->literal = strndup((const char *)segment.data, segment.size);
    CHECK(made->literal != NULL);
    made->next = parent->children;
    parent->children = made;
    return made;
}

static void add_route(struct router *router, const struct rpc_route *route)
{
    struct segments segments;
    CHECK(split(bytes_of_text(route->template), &segments));
    // A template's braces hold no colon, so what stands behind the last one is the verb.
    struct bytes verb = cut_verb(&segments.items[segments.count - 1]);
    struct node *node = &router->root;
    for (size_t i = 0; i < segments.count; i++) {
        node = child_of(node, segments.items[i]);
    }
    CHECK(node->route_count < ROUTER_ALTERNATIVES_MAX);
    node->verbs[node->route_count] = verb.size > 0 ? (const char *)verb.data : "";
    node->routes[node->route_count++] = route;
}

struct router *router_open(const struct rpc_route *routes, size_t route_count)
{
    struct router *router = calloc(1, sizeof *router);
    CHECK(router != NULL);
    for (size_t i = 0; i < route_count; i++) {
        add_route(router, &routes[i]);
    }
    return router;
}

static void free_children(struct node *parent)
{
    for (struct node *child = parent->children, *next; child != NULL; child = next) {
        next = child->next;
        free_children(child);
        free(child->literal);
        free(child);
    }
}

void router_close(struct router **router)
{
    if (*router == NULL) return;
    free_children(&(*router)->root);
    free(*router);
    *router = NULL;
}

static bool has_empty_segment(const struct segments *segments, size_t from)
{
    for (size_t i = from; i < segments->count; i++) {
        if (segments->items[i].size == 0) return true;
    }
    return false;
}

static const struct node *find_node(const struct node *parent, const struct segments *segments,
                                    size_t depth)
{
    if (depth == segments->count) return parent->route_count > 0 ? parent : NULL;
    struct bytes segment = segments->items[depth];
    if (segment.size == 0) return NULL;
    for (const struct node *child = parent->children; child != NULL; child = child->next) {
        if (child->takes_rest) return has_empty_segment(segments, depth) ? NULL : child;
        if (child->literal != NULL && !node_is(child, segment)) continue;
        const struct node *found = find_node(child, segments, depth + 1);
        if (found != NULL) return found;
    }
    return NULL;
}

static int digit_of(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t percent_decode(struct bytes text, bool plus_is_space, char *ret)
{
    size_t used = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c == '%') {
            int high = i + 2 < text.size ? digit_of(text.data[i + 1]) : -1;
            int low = i + 2 < text.size ? digit_of(text.data[i + 2]) : -1;
            if (high < 0 || low < 0) return SIZE_MAX;
            c = (uint8_t)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        ret[used++] = (char)c;
    }
    return used;
}

static struct status decode_variable(struct bytes raw, bool may_hold_slash, struct arena *arena,
                                     struct bytes *ret)
{
    char *text = arena_alloc(arena, raw.size + 1);
    if (text == NULL) return ARENA_STATUS_EXHAUSTED;
    size_t size = percent_decode(raw, false, text);
    bool is_sound = size != SIZE_MAX && text_is_utf8(text, size); // UTF-8 here is without NUL.
    size_t slashes_raw = 0, slashes = 0;
    for (size_t i = 0; i < raw.size; i++) {
        slashes_raw += raw.data[i] == '/';
    }
    for (size_t i = 0; is_sound && i < size; i++) {
        slashes += text[i] == '/';
    }
    if (!is_sound || slashes != slashes_raw || (slashes > 0 && !may_hold_slash)) {
        return REFUSE(INVALID_ARGUMENT, PATH_INVALID,
                      "the path has an escape that may not stand there");
    }
    *ret = bytes_of(text, size);
    return STATUS_SUCCESS;
}

struct status router_bind(const struct router_match *match, const struct rpc_route *route,
                          struct arena *arena, struct router_variables *ret)
{
    ret->count = 0;
    struct segments names;
    CHECK(split(bytes_of_text(route->template), &names));
    (void)cut_verb(&names.items[names.count - 1]);
    for (size_t i = 0; i < names.count; i++) {
        struct bytes name = names.items[i];
        if (!is_variable(name)) continue;
        CHECK(ret->count < ROUTER_VARIABLES_MAX && i < match->segment_count);
        bool rest = takes_rest(name);
        struct bytes raw = match->segments[i];
        if (rest) raw.size = (size_t)(match->path.data + match->path.size - raw.data);
        struct router_variable *variable = &ret->items[ret->count++];
        variable->field =
            arena_text(arena, (const char *)name.data + 1, name.size - (rest ? 5 : 2));
        if (variable->field == NULL) return ARENA_STATUS_EXHAUSTED;
        RETURN_IF_ERROR(decode_variable(raw, rest, arena, &variable->value));
    }
    return STATUS_SUCCESS;
}

static bool take_routes(const struct router *router, const struct segments *segments,
                        struct bytes verb, struct router_match *ret)
{
    const struct node *node = find_node(&router->root, segments, 0);
    ret->route_count = 0;
    for (size_t i = 0; node != NULL && i < node->route_count; i++) {
        if (!bytes_equal(bytes_of_text(node->verbs[i]), verb)) continue;
        ret->routes[ret->route_count++] = node->routes[i];
    }
    return ret->route_count > 0;
}

struct status router_find(const struct router *router, struct bytes path, struct router_match *ret)
{
    static const struct status not_found = {STATUS_NOT_FOUND, "ROUTE_NOT_FOUND",
                                            "there is nothing at this path"};
    struct segments segments;
    if (!split(path, &segments)) return not_found;
    // First with what stands behind the last colon as a verb, then as a part of the segment.
    struct bytes *last = &segments.items[segments.count - 1], whole = *last;
    struct bytes verb = cut_verb(last);
    bool found = verb.size > 0 && take_routes(router, &segments, verb, ret);
    if (!found) {
        *last = whole;
        found = take_routes(router, &segments, bytes_of(NULL, 0), ret);
    }
    if (!found) return not_found;
    ret->path = path;
    ret->segment_count = segments.count;
    memcpy(ret->segments, segments.items, segments.count * sizeof segments.items[0]);
    return STATUS_SUCCESS;
}
