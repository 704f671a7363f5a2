/// @file services/auth/settings.h
/// The configuration of florin-auth: one row for each key, and what they become.
/// Ownership  Texts of what is read live as long as the configuration.
#pragma once

#include "common/base/config.h"
#include "services/auth/delivery.h"
#include "services/auth/service.h"

extern const struct config_key auth_settings_keys[];
extern const size_t auth_settings_key_count;

struct auth_policy auth_settings_policy(const struct config *config);
/// outbox_directory: of the dev profile; must outlive the result.
struct auth_delivery_config auth_settings_delivery(const struct config *config,
                                                   const char *outbox_directory);
