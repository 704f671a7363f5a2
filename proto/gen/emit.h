/// @file proto/gen/emit.h
/// What florin-gen writes, below the output directory:
///   florin/<name>/v1/<name>_methods.{h,c}  the method and message tables of one package
///   florin_tables.c                        routes, all methods, openapi.json, descriptor set
///   openapi.json                           the same API description as a file
/// Source     common/rpc/schema.h gives the shapes.
#pragma once

#include "proto/gen/model.h"

#include <jansson.h>

MUST_USE struct status emit_package(const struct gen_model *model,
                                    const struct gen_package *package, const char *directory);

/// emit_tables: openapi is the document as text, descriptor_set as gen_descriptor_set_strip gives.
MUST_USE struct status emit_tables(const struct gen_model *model, struct bytes openapi,
                                   struct bytes descriptor_set, const char *directory);

/// openapi_build gives the whole OpenAPI 3.1 document (openapi.c); the caller owns it.
json_t *openapi_build(const struct gen_model *model, const char *version);
