// florin-gen <descriptor set> <output directory> <version>: turns the protos into the tables and
// the API description of common/rpc/schema.h. Built first; run by the build.
#include "common/base/check.h"
#include "proto/gen/emit.h"
#include "proto/gen/output.h"

#include <stdlib.h>
#include <string.h>

static struct status read_file(const char *path, struct arena *arena, struct bytes *ret)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return REFUSE(NOT_FOUND, INPUT_MISSING, "the descriptor set cannot be opened");
    }
    CLEANUP(output_close) struct output content = {0};
    output_open(&content);
    char block[4096];
    size_t got;
    while ((got = fread(block, 1, sizeof block, file)) > 0) {
        CHECK(fwrite(block, 1, got, content.text) == got);
    }
    bool failed = ferror(file) != 0;
    (void)fclose(file);
    CHECK(fflush(content.text) == 0);
    if (failed) return REFUSE(INTERNAL, INPUT_UNREADABLE, "the descriptor set cannot be read");
    void *data = arena_copy(arena, content.data, content.size);
    CHECK(data != NULL);
    *ret = bytes_of(data, content.size);
    return STATUS_SUCCESS;
}

static struct status emit_openapi(const struct gen_model *model, const char *version,
                                  const char *directory, struct bytes *ret)
{
    json_t *document = openapi_build(model, version);
    char *text = json_dumps(document, JSON_INDENT(1) | JSON_SORT_KEYS);
    json_decref(document);
    CHECK(text != NULL);
    CLEANUP(output_close) struct output output = {0};
    output_open(&output);
    fprintf(output.text, "%s\n", text);
    free(text);
    RETURN_IF_ERROR(output_save(&output, directory, "openapi.json"));
    void *copy = arena_copy(model->arena, output.data, output.size);
    CHECK(copy != NULL);
    *ret = bytes_of(copy, output.size);
    return STATUS_SUCCESS;
}

static struct status generate(struct arena *arena, char **argv)
{
    struct bytes descriptor_set, openapi;
    const char *directory = argv[2];
    RETURN_IF_ERROR(read_file(argv[1], arena, &descriptor_set));
    struct gen_model model;
    RETURN_IF_ERROR(gen_model_read(descriptor_set, arena, &model));
    gen_rules_check(&model);
    for (size_t i = 0; i < model.error_count; i++) {
        fprintf(stderr, "florin-gen: %s\n", model.errors[i]);
    }
    if (model.error_count > 0) {
        return REFUSE(INVALID_ARGUMENT, PROTOS_BROKEN,
                      "the protos break rules (proto/gen/rules.c); nothing was written");
    }
    for (size_t i = 0; i < model.package_count; i++) {
        RETURN_IF_ERROR(emit_package(&model, &model.packages[i], directory));
    }
    RETURN_IF_ERROR(emit_openapi(&model, argv[3], directory, &openapi));
    return emit_tables(&model, openapi, gen_descriptor_set_strip(descriptor_set, arena), directory);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fputs("usage: florin-gen <descriptor set> <output directory> <version>\n", stderr);
        return EXIT_FAILURE;
    }
    CLEANUP(arena_close) struct arena *arena = arena_open(SIZE_MAX);
    struct status status = generate(arena, argv);
    if (status.code == STATUS_OK) return EXIT_SUCCESS;
    fprintf(stderr, "florin-gen: %s: %s: %s\n", argv[1], status.reason, status.message);
    return EXIT_FAILURE;
}
