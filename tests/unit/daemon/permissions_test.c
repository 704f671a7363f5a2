// The catalogue of permissions, held against the methods, the handlers' sources and the built-in
// roles.
#include "common/daemon/permissions.h"
#include "common/daemon/roles.h"
#include "tests/unit/daemon/harness.h"

#include <dirent.h>
#include <regex.h>

static void test_names_are_in_order_and_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < permission_count; i++) {
        if (i > 0) assert_true(strcmp(permissions[i - 1].name, permissions[i].name) < 0);
        assert_int_equal(permission_find(permissions[i].name), i);
        assert_true(strlen(permissions[i].name) < TOKEN_SCOPE_BYTES_MAX);
    }
    assert_int_equal(permission_find("ledger.account"), permission_count);
    assert_int_equal(permission_find(""), permission_count);
    assert_int_equal(permission_find("zzz"), permission_count);
    assert_false(permission_supports(permission_count, RPC_SCOPE_ALL));
}

/// What a permission is for: each method asks for one of the catalogue; what only internal methods
/// ask for is for no person, and what others ask for is.
static void test_methods_and_catalogue_agree(void **state)
{
    (void)state;
    bool is_asked[PERMISSIONS_MAX] = {false}, is_open[PERMISSIONS_MAX] = {false};
    for (size_t i = 0; i < rpc_all_method_count; i++) {
        const struct rpc_method *method = rpc_all_methods[i];
        if (method->permission == NULL) continue;
        size_t index = permission_find(method->permission);
        if (index == permission_count) fail_msg("%s is not in the catalogue", method->permission);
        is_asked[index] = true;
        is_open[index] |= !method->is_internal;
    }
    for (size_t i = 0; i < permission_count; i++) {
        if (is_asked[i] && is_open[i] != permissions[i].is_for_people)
            fail_msg("%s: for people or not?", permissions[i].name);
    }
}

/// each_match calls back with the first group of each match of the pattern in a file.
static void each_match(const char *path, const regex_t *pattern,
                       void (*found)(const char *path, const char *text))
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, file) > 0) {
        regmatch_t match[2];
        for (char *at = line; regexec(pattern, at, 2, match, 0) == 0; at += match[0].rm_eo) {
            char text[128];
            snprintf(text, sizeof text, "%.*s", (int)(match[1].rm_eo - match[1].rm_so),
                     at + match[1].rm_so);
            found(path, text);
        }
    }
    free(line);
    fclose(file);
}

static size_t found_count;

static void must_be_known(const char *path, const char *text)
{
    found_count++;
    if (permission_find(text) == permission_count) fail_msg("%s: %s is unknown", path, text);
}

static void test_what_handlers_ask_for_is_known(void **state)
{
    (void)state;
    static const char *const services[] = {"audit", "auth", "kyc", "ledger"};
    regex_t pattern;
    assert_int_equal(regcomp(&pattern, "scope\\(call, \"([a-z_.]+)\"", REG_EXTENDED), 0);
    const char *source = getenv("FLORIN_SOURCE_DIR");
    for (size_t i = 0; i < ROWS(services); i++) {
        char directory[512], path[1024];
        snprintf(directory, sizeof directory, "%s/services/%s", source != NULL ? source : ".",
                 services[i]);
        DIR *files = opendir(directory);
        assert_non_null(files);
        for (struct dirent *file; (file = readdir(files)) != NULL;) {
            size_t size = strlen(file->d_name);
            if (size < 3 || strcmp(file->d_name + size - 2, ".c") != 0) continue;
            snprintf(path, sizeof path, "%s/%s", directory, file->d_name);
            each_match(path, &pattern, must_be_known);
        }
        closedir(files);
    }
    regfree(&pattern);
    assert_true(found_count >= 2); // The pattern finds what it is for.
}

static void test_built_in_grants_are_supported(void **state)
{
    (void)state;
    for (size_t i = 0; i < role_grant_count; i++) {
        const struct role_grant *grant = &role_grants[i];
        size_t index = permission_find(grant->permission);
        if (!permission_supports(index, grant->scope))
            fail_msg("%s cannot have %s with this scope", grant->role, grant->permission);
    }
}

static void test_no_built_in_role_is_toxic(void **state)
{
    (void)state;
    for (size_t i = 0; i < built_in_role_count; i++) {
        bool governs = false, moves = false;
        for (size_t j = 0; j < permission_count; j++) {
            enum rpc_scope scope = role_scope(built_in_roles[i].name, permissions[j].name);
            governs |= permissions[j].duty == PERMISSION_GOVERNS && scope != RPC_SCOPE_NONE;
            moves |= permissions[j].duty == PERMISSION_MOVES && scope > RPC_SCOPE_SELF;
        }
        if (governs && moves) fail_msg("%s", built_in_roles[i].name);
        if (i > 0) assert_true(strcmp(built_in_roles[i - 1].name, built_in_roles[i].name) < 0);
    }
}

static int longer_first(const void *a, const void *b)
{
    size_t left = *(const size_t *)a, right = *(const size_t *)b;
    return (left < right) - (left > right);
}

/// So that no API key is refused for the length of its scopes.
static void test_any_sixteen_scopes_fit_a_token(void **state)
{
    (void)state;
    size_t sizes[PERMISSIONS_MAX], total = TOKEN_SCOPES_MAX - 1;
    for (size_t i = 0; i < permission_count; i++)
        sizes[i] = strlen(permissions[i].name);
    qsort(sizes, permission_count, sizeof sizes[0], longer_first);
    for (size_t i = 0; i < TOKEN_SCOPES_MAX; i++)
        total += sizes[i];
    print_message("the sixteen longest: %zu of %d bytes\n", total, TOKEN_SCOPE_TEXT_BYTES_MAX);
    assert_true(total <= TOKEN_SCOPE_TEXT_BYTES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_in_order_and_found),
        cmocka_unit_test(test_methods_and_catalogue_agree),
        cmocka_unit_test(test_what_handlers_ask_for_is_known),
        cmocka_unit_test(test_built_in_grants_are_supported),
        cmocka_unit_test(test_no_built_in_role_is_toxic),
        cmocka_unit_test(test_any_sixteen_scopes_fit_a_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
