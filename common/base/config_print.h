/// @file common/base/config_print.h
/// What --help and --version print. Used by config.c only.
#pragma once

#include "common/base/config.h"

void config_print_help(const struct config_spec *spec, FILE *out);
void config_print_version(const struct config_spec *spec, FILE *out);
