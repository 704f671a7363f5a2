#include "common/base/check.h"
#include "florin/shapes/v1/shapes_methods.h"
#include "proto/gen/model.h"
#include "tests/unit/proto/read_file.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
// clang-format on

static const char *directory; // Where the build put what protoc and florin-gen made.

struct fixture {
    struct arena *arena;
    struct gen_model model;
};

static void read_model(struct fixture *fixture, const char *name)
{
    fixture->arena = arena_open(SIZE_MAX);
    struct bytes set = read_file(fixture->arena, directory, name);
    assert_int_equal(gen_model_read(set, fixture->arena, &fixture->model).code, STATUS_OK);
    gen_rules_check(&fixture->model);
}

static void close_model(struct fixture *fixture)
{
    arena_close(&fixture->arena);
}

// Every error and no other, in whatever order.
static void check_errors(const char *set, const char *const *expected, size_t count)
{
    struct fixture fixture;
    read_model(&fixture, set);
    for (size_t i = 0; i < fixture.model.error_count; i++) {
        bool is_expected = false;
        for (size_t j = 0; j < count; j++) {
            is_expected = is_expected || strcmp(fixture.model.errors[i], expected[j]) == 0;
        }
        if (!is_expected) fail_msg("unexpected: %s", fixture.model.errors[i]);
    }
    for (size_t j = 0; j < count; j++) {
        bool is_there = false;
        for (size_t i = 0; i < fixture.model.error_count; i++) {
            is_there = is_there || strcmp(fixture.model.errors[i], expected[j]) == 0;
        }
        if (!is_there) fail_msg("missing: %s", expected[j]);
    }
    assert_int_equal(fixture.model.error_count, count);
    close_model(&fixture);
}

#define CHECK_ERRORS(set_, list_) check_errors((set_), (list_), sizeof(list_) / sizeof *(list_))

// clang-format off
#define ACCESS "broken/access.proto: florin.broken.v1.BrokenService/"
#define ROUTES "broken/routes.proto: florin.broken.v1.BrokenService/"
#define FIELDS "broken/fields.proto: florin.broken.v1.Fields: field "

static const char *const access_errors[] = {
    ACCESS "SilentMethod: says no access",
    ACCESS "SilentMethod: has neither permission, public nor any_user",
    ACCESS "ReadAndKeyed: is READ and KEYED: a read has no effect to keep",
    ACCESS "NoPermission: has neither permission, public nor any_user",
    ACCESS "PublicWithPermission: has a permission and is public",
    ACCESS "AnyUserWithPermission: has a permission and is any_user",
    ACCESS "PublicAndAnyUser: is public and any_user",
    ACCESS "InternalWithRoute: is internal and has a route",
    ACCESS "PromiseWithoutWrite: promises refuse_before_change without WRITE",
    ACCESS "StatusOfAnError: has an http_status that is no success",
    ACCESS "TooMuch: has request_bytes_max above 8 MiB",
    ACCESS "BadReasons: reason \"GOOD_1\" is not like \"422 INSUFFICIENT_FUNDS\"",
    ACCESS "BadReasons: reason \"422 bad\" is not like \"422 INSUFFICIENT_FUNDS\"",
    ACCESS "BadReasons: reason \"200 FINE\" is not like \"422 INSUFFICIENT_FUNDS\"",
    ACCESS "BadReasons: reason \"422 \" is not like \"422 INSUFFICIENT_FUNDS\"",
    ACCESS "BadReasons: request_example is not JSON: string or '}' expected near '}'",
    ACCESS "Streams: streaming is not supported",
    ACCESS "Register: in C, register is a keyword: protobuf-c's service cannot have it",
    ACCESS "A_method: has the C name of florin.broken.v1.BrokenService/aMethod",
};

static const char *const route_errors[] = {
    ROUTES "UnknownVariable: path variable {nothing} is no field of florin.broken.v1.Request",
    ROUTES "MessageVariable: path variable {inner} is not a scalar that clients write",
    ROUTES "ListVariable: path variable {names} is no field of florin.broken.v1.Request",
    ROUTES "HeaderVariable: path variable {header} is not a scalar that clients write",
    ROUTES "VariableTwice: path variable {id} stands twice",
    ROUTES "OpenBrace: template \"/v1/f/{id\" is malformed",
    ROUTES "RestInTheMiddle: template \"/v1/{id=**}/g\" is malformed",
    ROUTES "EmptySegment: template \"/v1//h\" is malformed",
    ROUTES "UnknownBody: body \"nothing\" is no field of florin.broken.v1.Request",
    ROUTES "GetWithBody: GET has a body",
    ROUTES "SameAsFirst: GET /v1/k/{inner.id} is already florin.broken.v1.BrokenService/First",
    ROUTES "UnknownVerb: unknown verb BREW",
    ROUTES "NoPath: google.api.http has no path",
};

static const char *const field_errors[] = {
    FIELDS "uuid has a format that is not of its type",
    FIELDS "amount has a format that is not of its type",
    FIELDS "bare_amount has a format that is not of its type",
    FIELDS "signed_amount has a format that is not of its type",
    FIELDS "time has a format that is not of its type",
    FIELDS "secret has a format that is not of its type",
    FIELDS "range has min or max and is no number",
    FIELDS "turned has min above max",
    FIELDS "length has a length and is neither string nor bytes",
    FIELDS "turned_length has len_min above len_max",
    FIELDS "pattern has a pattern and is no string",
    FIELDS "items has items_max and is not repeated",
    FIELDS "required is a required bool, which could never be false",
    FIELDS "header is from_header and no string",
    FIELDS "real is a float: use an integer, or double where it must be",
    FIELDS "left is required and in a oneof",
};

#define CONDITIONS "broken/conditions.proto: florin.broken.v1."
#define CONDITION CONDITIONS "BrokenService/"

static const char *const condition_errors[] = {
    CONDITION "UnknownTag: etag \"nothing\" is no field of florin.broken.v1.Thing",
    CONDITION "TextTag: etag \"name\" is no uint64",
    CONDITION "ListTag: etag \"versions\" is no uint64",
    CONDITION "ChoiceTag: etag \"chosen\" is no uint64",
    CONDITION "TagInPath: path variable {if_match} is not a scalar that clients write",
    CONDITION "MaskWithoutBody: has a member_mask and a route without body \"*\"",
    CONDITION "MaskOfOneField: has a member_mask and a route without body \"*\"",
    CONDITION "TagAsBody: has a member_mask and a route without body \"*\"",
    CONDITION "TagAsBody: body \"if_match\" is no field of florin.broken.v1.Good",
    CONDITION "RequiredInPatch: requires name, which a PATCH may leave out",
    CONDITIONS "WrongFields: field signed_tag is an etag and no uint64",
    CONDITIONS "WrongFields: field tags is an etag and no uint64",
    CONDITIONS "WrongFields: field mask is a member_mask and no list of strings",
    CONDITIONS "WrongFields: field byte_mask is a member_mask and no list of strings",
    CONDITIONS "WrongFields: field chosen is in a oneof and not in JSON",
    CONDITIONS "WrongFields: field both is an etag and no uint64",
    CONDITIONS "WrongFields: field both is filled by the gateway in two ways",
    CONDITIONS "WrongFields: has two etag fields",
    CONDITIONS "WrongFields: has two member_mask fields",
    CONDITIONS "Inner: has an etag or member_mask field and is no request",
    CONDITIONS "Thing.NumbersEntry: field value has a length and is neither string nor bytes",
};

#define EVENTS "broken/events.proto: "
#define NO_TYPE ": is no event type of its package, such as ledger.transfer.created"

static const char *const event_errors[] = {
    EVENTS "broken.good.made: stands twice",
    EVENTS "ledger.good.made" NO_TYPE,
    EVENTS "broken" NO_TYPE,
    EVENTS "broken.Made" NO_TYPE,
    EVENTS "broken..made" NO_TYPE,
    EVENTS "broken.made." NO_TYPE,
    EVENTS "broken.*" NO_TYPE,
    EVENTS "broken.a_type_whose_name_is_longer_than_a_topic_of_the_bus_may_be" NO_TYPE,
    EVENTS "broken.silent: has no summary",
    EVENTS "broken.unknown: payload florin.broken.v1.Nothing is a message of none of ours",
    EVENTS "broken.secret: payload florin.broken.v1.Outer holds the secret password",
};

static const char *const recursive_errors[] = {
    "broken/recursive.proto: florin.broken.v1.Ring: contains itself",
    "broken/recursive.proto: florin.broken.v1.Link: contains itself",
    "broken/recursive.proto: florin.broken.v1.LinkOfChain: has the C name of florin.broken.v1.LinkOf.Chain",
};

static const char *const wide_errors[] = {
    "broken/wide.proto: florin.broken.v1.Wide: has more than 64 fields",
};

// clang-format on

static void test_every_broken_rule_is_named_with_file_and_place(void **state)
{
    (void)state;
    CHECK_ERRORS("broken_access.pb", access_errors);
    CHECK_ERRORS("broken_routes.pb", route_errors);
    CHECK_ERRORS("broken_fields.pb", field_errors);
    CHECK_ERRORS("broken_conditions.pb", condition_errors);
    CHECK_ERRORS("broken_events.pb", event_errors);
    CHECK_ERRORS("broken_recursive.pb", recursive_errors);
    CHECK_ERRORS("broken_wide.pb", wide_errors);
}

static void test_a_good_proto_has_no_errors(void **state)
{
    (void)state;
    struct fixture fixture;
    read_model(&fixture, "shapes.pb");
    assert_int_equal(fixture.model.error_count, 0);
    close_model(&fixture);
}

static void test_bytes_that_are_no_descriptor_set_are_refused(void **state)
{
    (void)state;
    struct arena *arena = arena_open(SIZE_MAX);
    struct gen_model model;
    struct status status = gen_model_read(bytes_of("\x0A\xFF", 2), arena, &model);
    assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
    assert_string_equal(status.reason, "DESCRIPTOR_SET_MALFORMED");
    arena_close(&arena);
}

static void test_routes_carry_verb_template_body_and_variables(void **state)
{
    static const struct {
        const char *verb, *template, *body, *variables[2];
    } expected[] = {
        {"POST", "/v1/shapes", "*", {NULL, NULL}},
        {"PUT", "/v1/shapes/{id}", "inner", {"id", NULL}},
        {"GET", "/v1/shapes/{inner.name}/{id}:show", "", {"inner.name", "id"}},
        {"GET", "/v1/shapes/{inner.name}/{id}:show", "", {"inner.name", "id"}},
        {"GET", "/v1/files/{path=**}", "", {"path", NULL}},
        {"GET", "/v1/things/{id}", "", {"id", NULL}},
        {"PATCH", "/v1/things/{id}", "*", {"id", NULL}},
        {"PUT", "/v1/things/{thing_id}", "*", {"thing_id", NULL}},
        {"GET", "/v1/things/{id}/report", "", {"id", NULL}},
        {"GET", "/v1/things/{id}/report", "", {"id", NULL}},
        {"GET", "/v1/things/{id}/report", "", {"id", NULL}},
        {"GET", "/v1/things", "", {NULL, NULL}},
        {"POST", "/v1/things:import", "*", {NULL, NULL}},
    };

    (void)state;
    struct fixture fixture;
    read_model(&fixture, "shapes.pb");
    size_t count = sizeof expected / sizeof *expected;
    assert_int_equal(fixture.model.route_count, count);
    for (size_t i = 0; i < count; i++) {
        const struct gen_route *route = &fixture.model.routes[i];
        assert_string_equal(route->verb, expected[i].verb);
        assert_string_equal(route->template, expected[i].template);
        assert_string_equal(route->body, expected[i].body);
        for (size_t j = 0; j < 2; j++) {
            assert_int_equal(j < route->variable_count, expected[i].variables[j] != NULL);
            if (j < route->variable_count) {
                assert_string_equal(route->variables[j].path, expected[i].variables[j]);
            }
        }
    }
    close_model(&fixture);
}

static void test_comments_become_descriptions(void **state)
{
    (void)state;
    struct fixture fixture;
    read_model(&fixture, "shapes.pb");
    assert_string_equal(fixture.model.methods[0].comment, "Answers what it was sent.");
    const struct gen_message *request = fixture.model.methods[1].request;
    assert_string_equal(gen_message_find_field(request, "if_match")->comment, "If-Match");
    close_model(&fixture);
}

static void test_method_tables_say_what_the_options_say(void **state)
{
    (void)state;
    const struct rpc_method *echo = &shapes_methods[SHAPES_ECHO_SHAPE];
    assert_string_equal(echo->name, "florin.shapes.v1.ShapesService/EchoShape");
    assert_string_equal(echo->service, "florin.shapes.v1.ShapesService");
    assert_string_equal(echo->daemon, "shapes");
    assert_string_equal(echo->permission, "shapes.write");
    assert_ptr_equal(echo->request, &florin_shapes_v1_shape_message);
    assert_int_equal(echo->access, RPC_ACCESS_WRITE);
    assert_true(echo->is_keyed && echo->refuse_before_change);
    assert_false(echo->is_coalesced || echo->is_public || echo->any_user || echo->is_internal);
    assert_int_equal(echo->request_bytes_max, 1000000);
    assert_int_equal(echo->timeout_ms_default, 100);
    assert_int_equal(echo->cost, 7);
    assert_int_equal(echo->http_status, 201);
    assert_string_equal(echo->cache_control, "private");
}

static void test_silence_in_a_proto_is_resolved(void **state)
{
    (void)state;
    const struct rpc_method *sweep = &shapes_methods[SHAPES_SWEEP];
    assert_null(sweep->permission);
    assert_true(sweep->is_public && sweep->is_coalesced && sweep->is_internal);
    assert_int_equal(sweep->request_bytes_max, 64 * 1024);
    assert_int_equal(sweep->timeout_ms_default, 5000);
    assert_int_equal(sweep->cost, 1);
    assert_int_equal(sweep->http_status, 200);
    assert_string_equal(sweep->produces, "application/json");
    assert_string_equal(sweep->cache_control, "no-store");
}

static void test_conditions_are_in_the_tables(void **state)
{
    (void)state;
    assert_int_equal(shapes_methods[SHAPES_UPDATE_THING].etag_number, 15);
    assert_int_equal(shapes_methods[SHAPES_GET_REPORT].etag_number, 0);
    assert_true(florin_shapes_v1_update_thing_request_message.has_member_mask);
    assert_false(florin_shapes_v1_replace_thing_request_message.has_member_mask);
    const struct rpc_field *fields = florin_shapes_v1_update_thing_request_message.fields;

    static const struct {
        bool is_etag, is_member_mask;
    } expected[] = {{false, false}, {true, false}, {false, true}, {false, false}};

    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_int_equal(fields[i].is_etag, expected[i].is_etag);
        assert_int_equal(fields[i].is_member_mask, expected[i].is_member_mask);
        assert_int_equal(rpc_field_is_in_json(&fields[i]),
                         !expected[i].is_etag && !expected[i].is_member_mask);
    }
}

static const struct rpc_field *field_of(const struct rpc_message *message, const char *name)
{
    for (size_t i = 0; i < message->descriptor->n_fields; i++) {
        if (strcmp(message->fields[i].name, name) == 0) return &message->fields[i];
    }
    fail_msg("%s has no field %s", message->full_name, name);
    return NULL;
}

static void test_fields_stand_at_the_index_of_their_descriptors(void **state)
{
    static const struct rpc_message *const messages[] = {
        &florin_shapes_v1_shape_message, &florin_shapes_v1_rules_message,
        &florin_shapes_v1_get_shape_request_message, &florin_shapes_v1_inner_message};
    (void)state;
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        const ProtobufCMessageDescriptor *descriptor = messages[i]->descriptor;
        assert_string_equal(messages[i]->full_name, descriptor->name);
        for (size_t j = 0; j < descriptor->n_fields; j++) {
            const struct rpc_field *field = &messages[i]->fields[j];
            assert_string_equal(field->name, descriptor->fields[j].name);
            assert_int_equal(field->name_bytes, strlen(field->name));
            assert_int_equal(field->camel_name_bytes, strlen(field->camel_name));
            assert_int_equal(field->message != NULL,
                             descriptor->fields[j].type == PROTOBUF_C_TYPE_MESSAGE);
            if (field->message != NULL) {
                assert_ptr_equal(field->message->descriptor, descriptor->fields[j].descriptor);
            }
        }
    }
}

static void test_field_tables_say_what_the_options_say(void **state)
{
    (void)state;
    const struct rpc_message *shape = &florin_shapes_v1_shape_message;
    assert_string_equal(field_of(shape, "inner_by_number")->camel_name, "innerByNumber");
    assert_true(field_of(shape, "labels")->is_map);
    assert_false(field_of(shape, "inners")->is_map);
    assert_int_equal(field_of(shape, "labels")->items_max, 3);
    assert_int_equal(field_of(shape, "colours")->items_max, 1000);
    // What is said of a map is said of its values; keys are names.
    const struct rpc_field *labels = field_of(&florin_shapes_v1_thing_message, "labels");
    assert_int_equal(labels->items_max, 16);
    assert_int_equal(labels->pattern, RPC_PATTERN_NONE);
    assert_int_equal(field_of(labels->message, "key")->pattern, RPC_PATTERN_IDENTIFIER);
    assert_int_equal(field_of(labels->message, "key")->len_min, 1);
    assert_int_equal(field_of(labels->message, "key")->len_max, 64);
    assert_int_equal(field_of(labels->message, "value")->pattern, RPC_PATTERN_PRINTABLE);
    assert_int_equal(field_of(labels->message, "value")->len_max, 256);
    const struct rpc_message *numbered = field_of(shape, "inner_by_number")->message;
    assert_int_equal(field_of(numbered, "key")->pattern, RPC_PATTERN_NONE);
    assert_int_equal(field_of(shape, "id")->len_max, 16);
    assert_int_equal(field_of(shape, "text")->len_max, 1024);
    assert_int_equal(field_of(shape, "hash")->format, RPC_FORMAT_HEX);
    assert_true(field_of(shape, "trace")->from_header);
    assert_string_equal(field_of(shape, "trace")->header, "x-trace");
    const struct rpc_message *rules = &florin_shapes_v1_rules_message;
    assert_true(field_of(rules, "required_inner")->required);
    assert_int_equal(field_of(rules, "large")->min, 1);
    assert_true(field_of(rules, "large")->max == INT64_MAX);
    assert_int_equal(field_of(rules, "signed_range")->min, -10);
    assert_int_equal(field_of(rules, "country")->pattern, RPC_PATTERN_COUNTRY);
}

static void test_all_methods_are_sorted_and_all_routes_have_theirs(void **state)
{
    (void)state;
    assert_true(rpc_all_method_count > 20);
    for (size_t i = 1; i < rpc_all_method_count; i++) {
        assert_true(strcmp(rpc_all_methods[i - 1]->name, rpc_all_methods[i]->name) < 0);
    }
    for (size_t i = 0; i < rpc_route_count; i++) {
        assert_non_null(rpc_routes[i].method);
        assert_false(rpc_routes[i].method->is_internal);
    }
}

static void test_event_types_are_sorted_and_have_their_messages(void **state)
{
    (void)state;
    struct fixture fixture;
    read_model(&fixture, "shapes.pb");
    assert_int_equal(fixture.model.event_type_count, 2);
    assert_string_equal(fixture.model.event_types[0].type, "shapes.started");
    assert_null(fixture.model.event_types[0].payload);
    assert_string_equal(fixture.model.event_types[1].type, "shapes.thing.made");
    assert_string_equal(fixture.model.event_types[1].payload->full_name, "florin.shapes.v1.Thing");
    close_model(&fixture);
    assert_true(rpc_event_type_count > 0);
    for (size_t i = 1; i < rpc_event_type_count; i++) {
        assert_true(strcmp(rpc_event_types[i - 1].type, rpc_event_types[i].type) < 0);
        assert_true(rpc_event_types[i].summary[0] != '\0');
    }
}

static void test_the_descriptor_set_of_the_daemons_is_the_protos_without_comments(void **state)
{
    (void)state;
    struct arena *arena = arena_open(SIZE_MAX);
    struct gen_model model;
    struct bytes set = bytes_of(rpc_descriptor_set, rpc_descriptor_set_size);
    assert_int_equal(gen_model_read(set, arena, &model).code, STATUS_OK);
    assert_int_equal(model.method_count, rpc_all_method_count);
    for (size_t i = 0; i < model.method_count; i++) {
        assert_string_equal(model.methods[i].comment, "");
    }
    arena_close(&arena);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    directory = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_broken_rule_is_named_with_file_and_place),
        cmocka_unit_test(test_a_good_proto_has_no_errors),
        cmocka_unit_test(test_bytes_that_are_no_descriptor_set_are_refused),
        cmocka_unit_test(test_routes_carry_verb_template_body_and_variables),
        cmocka_unit_test(test_comments_become_descriptions),
        cmocka_unit_test(test_method_tables_say_what_the_options_say),
        cmocka_unit_test(test_silence_in_a_proto_is_resolved),
        cmocka_unit_test(test_conditions_are_in_the_tables),
        cmocka_unit_test(test_fields_stand_at_the_index_of_their_descriptors),
        cmocka_unit_test(test_field_tables_say_what_the_options_say),
        cmocka_unit_test(test_all_methods_are_sorted_and_all_routes_have_theirs),
        cmocka_unit_test(test_event_types_are_sorted_and_have_their_messages),
        cmocka_unit_test(test_the_descriptor_set_of_the_daemons_is_the_protos_without_comments),
    };
    return cmocka_run_group_tests_name("proto_generator", tests, NULL, NULL);
}
