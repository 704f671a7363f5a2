#include "common/base/config.h"

#include "common/base/check.h"
#include "common/base/config_file.h"
#include "common/base/config_print.h"
#include "common/base/config_value.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PLACE_BYTES = 4400, VARIABLE_BYTES = 256, OVERRIDES_MAX = 256 };

#define VARIABLE_PREFIX "FLORIN_"

struct setting {
    const struct config_key *key;
    char *text; // NULL: neither given nor defaulted.
    uint64_t value;
    unsigned file_line; // Where the file gave it; 0 where it did not.
    bool refused;       // A bad value was reported, so it is not reported as missing too.
};

struct config {
    size_t count;
    struct setting *settings;
};

struct loader {
    const struct config_spec *spec;
    struct config *config;
    const char *path; // --config
    bool check_only;
    size_t error_count;
};

// place is file:line, or which flag or variable; the message names the key.
__attribute__((format(printf, 3, 4))) static void report(struct loader *loader, const char *place,
                                                         const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: %s: ", loader->spec->program, place);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    loader->error_count++;
}

static struct setting *find_setting(const struct config *config, const char *section,
                                    const char *name)
{
    for (size_t i = 0; i < config->count; i++) {
        const struct config_key *key = config->settings[i].key;
        if (strcmp(key->section, section) == 0 && strcmp(key->name, name) == 0) {
            return &config->settings[i];
        }
    }
    return NULL;
}

static bool is_own_section(const struct config *config, const char *section)
{
    for (size_t i = 0; i < config->count; i++) {
        if (strcmp(config->settings[i].key->section, section) == 0) return true;
    }
    return false;
}

static bool is_foreign_section(const struct config_spec *spec, const char *section)
{
    for (size_t i = 0; spec->foreign_sections != NULL && spec->foreign_sections[i] != NULL; i++) {
        if (strcmp(spec->foreign_sections[i], section) == 0) return true;
    }
    return false;
}

static void set_text(struct setting *setting, const char *text)
{
    free(setting->text);
    setting->text = strdup(text);
    CHECK(setting->text != NULL);
}

static void apply(struct loader *loader, struct setting *setting, const char *place,
                  const char *text)
{
    const struct config_key *key = setting->key;
    if (config_value_parse(key, text, &setting->value)) {
        set_text(setting, text);
        return;
    }
    setting->refused = true;
    loader->error_count++;
    fprintf(stderr, "%s: %s: %s.%s", loader->spec->program, place, key->section, key->name);
    // A text may be a password, so a refused one is not shown.
    if (key->type != CONFIG_TEXT) fprintf(stderr, " = %s", text);
    fputs(": must be ", stderr);
    config_value_print_allowed(key, stderr);
    fputc('\n', stderr);
}

// A row with a bad default, or two rows for one key, are our mistakes and not the operator's.
static struct config *open_config(const struct config_spec *spec)
{
    size_t count = config_spec_row_count(spec);
    struct config *config = calloc(1, sizeof *config);
    CHECK(config != NULL);
    config->settings = calloc(count + 1, sizeof config->settings[0]);
    CHECK(config->settings != NULL);
    for (size_t i = 0; i < count; i++) {
        const struct config_key *key = config_spec_row(spec, i);
        CHECK(find_setting(config, key->section, key->name) == NULL);
        config->settings[i].key = key;
        config->count = i + 1;
        if (key->default_text == NULL) continue;
        CHECK(config_value_parse(key, key->default_text, &config->settings[i].value));
        set_text(&config->settings[i], key->default_text);
    }
    return config;
}

void config_close(struct config **config)
{
    if (*config == NULL) return;
    for (size_t i = 0; i < (*config)->count; i++) {
        free((*config)->settings[i].text);
    }
    free((*config)->settings);
    free(*config);
    *config = NULL;
}

void config_each(const struct config *config,
                 void (*each)(void *context, const struct config_key *key, const char *text),
                 void *context)
{
    for (size_t i = 0; i < config->count; i++) {
        const struct setting *setting = &config->settings[i];
        each(context, setting->key, setting->text != NULL ? setting->text : "");
    }
}

static const char *file_place(const struct loader *loader, unsigned line, char *place)
{
    if (line == 0) {
        snprintf(place, PLACE_BYTES, "%s", loader->path);
    } else {
        snprintf(place, PLACE_BYTES, "%s:%u", loader->path, line);
    }
    return place;
}

static void on_file_section(void *context, unsigned line, const char *section)
{
    struct loader *loader = context;
    char place[PLACE_BYTES];
    if (is_own_section(loader->config, section) || is_foreign_section(loader->spec, section)) {
        return;
    }
    report(loader, file_place(loader, line, place), "unknown section [%s]", section);
}

static void on_file_value(void *context, unsigned line, const char *section, const char *name,
                          const char *value)
{
    struct loader *loader = context;
    char place[PLACE_BYTES];
    file_place(loader, line, place);
    struct setting *setting = find_setting(loader->config, section, name);
    if (setting == NULL && section[0] == '\0') {
        report(loader, place, "%s stands before the first [section]", name);
    } else if (setting == NULL && is_own_section(loader->config, section)) {
        report(loader, place, "unknown key %s.%s", section, name);
    } else if (setting != NULL && setting->file_line != 0) {
        report(loader, place, "%s.%s is given twice, first in line %u", section, name,
               setting->file_line);
    } else if (setting != NULL) {
        setting->file_line = line;
        apply(loader, setting, place, value);
    } // What is left is foreign, or its section was reported.
}

static void on_file_problem(void *context, unsigned line, const char *problem)
{
    char place[PLACE_BYTES];
    report(context, file_place(context, line, place), "%s", problem);
}

static void load_file(struct loader *loader)
{
    if (loader->path == NULL) return;
    const struct config_file_events events = {
        .section = on_file_section,
        .value = on_file_value,
        .problem = on_file_problem,
        .context = loader,
    };
    config_file_read(loader->path, &events);
}

// True when name, which lies behind the prefix, begins with SECTION_; gives the length of both.
static size_t match_section(const char *name, const char *section)
{
    size_t size = strlen(section);
    for (size_t i = 0; i < size; i++) {
        if (name[i] != toupper((unsigned char)section[i])) return 0;
    }
    return name[size] == '_' ? size + 1 : 0;
}

static struct setting *find_variable(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->count; i++) {
        const struct config_key *key = config->settings[i].key;
        size_t prefix = match_section(name, key->section);
        char upper[VARIABLE_BYTES];
        snprintf(upper, sizeof upper, "%s", key->name);
        for (char *at = upper; *at != '\0'; at++) {
            *at = (char)toupper((unsigned char)*at);
        }
        if (prefix > 0 && strcmp(name + prefix, upper) == 0) return &config->settings[i];
    }
    return NULL;
}

// The longest section that fits decides: [kyc_vault] of another daemon hides behind our [kyc].
static bool names_own_section(const struct loader *loader, const char *name)
{
    size_t own = 0, foreign = 0;
    for (size_t i = 0; i < loader->config->count; i++) {
        size_t size = match_section(name, loader->config->settings[i].key->section);
        if (size > own) own = size;
    }
    const char *const *sections = loader->spec->foreign_sections;
    for (; sections != NULL && *sections != NULL; sections++) {
        size_t size = match_section(name, *sections);
        if (size > foreign) foreign = size;
    }
    return own > foreign;
}

static void load_environment(struct loader *loader)
{
    for (char **variable = environ; variable != NULL && *variable != NULL; variable++) {
        const char *equals = strchr(*variable, '=');
        size_t prefix = sizeof VARIABLE_PREFIX - 1;
        if (equals == NULL || strncmp(*variable, VARIABLE_PREFIX, prefix) != 0) continue;
        size_t size = (size_t)(equals - *variable);
        if (size >= VARIABLE_BYTES) continue; // No key has such a name.

        char name[VARIABLE_BYTES], place[PLACE_BYTES];
        snprintf(name, sizeof name, "%.*s", (int)size, *variable);
        snprintf(place, sizeof place, "environment %s", name);
        struct setting *setting = find_variable(loader->config, name + prefix);
        if (setting != NULL) {
            apply(loader, setting, place, equals + 1);
        } else if (names_own_section(loader, name + prefix)) {
            report(loader, place, "unknown key in a known section");
        }
    }
}

// --section.key=value
static void load_override(struct loader *loader, const char *flag)
{
    char place[PLACE_BYTES];
    size_t size = strcspn(flag, "=");
    snprintf(place, sizeof place, "flag %.*s", (int)(size < 256 ? size : 256), flag);
    const char *dot = memchr(flag, '.', size);
    if (strncmp(flag, "--", 2) != 0 || dot == NULL) {
        report(loader, place, "unknown flag; see --help");
        return;
    }
    char section[VARIABLE_BYTES], name[VARIABLE_BYTES];
    snprintf(section, sizeof section, "%.*s", (int)(dot - flag - 2), flag + 2);
    snprintf(name, sizeof name, "%.*s", (int)(flag + size - dot - 1), dot + 1);
    struct setting *setting = find_setting(loader->config, section, name);
    if (setting == NULL) {
        report(loader, place, "unknown key; see --help");
    } else if (flag[size] == '\0') {
        report(loader, place, "needs a value: --%s.%s=value", section, name);
    } else {
        apply(loader, setting, place, flag + size + 1);
    }
}

// The flags that steer the loading itself; all others are overrides. Gives how many arguments
// it took, 0 for none.
static int take_control_flag(struct loader *loader, char **arguments)
{
    const char *flag = arguments[0];
    if (strcmp(flag, "--check-config") == 0) {
        loader->check_only = true;
        return 1;
    }
    if (strncmp(flag, "--config=", 9) == 0) {
        loader->path = flag + 9;
        return 1;
    }
    if (strcmp(flag, "--config") != 0) return 0;
    loader->path = arguments[1];
    if (loader->path != NULL) return 2;
    report(loader, "flag --config", "needs a file");
    return 1;
}

static bool print_and_exit(const struct config_spec *spec, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            config_print_help(spec, stdout);
            return true;
        }
        if (strcmp(argv[i], "--version") == 0) {
            config_print_version(spec, stdout);
            return true;
        }
        if (strcmp(argv[i], "--config-table") == 0) {
            config_print_markdown(spec, stdout);
            return true;
        }
    }
    return false;
}

static void require_all(struct loader *loader)
{
    for (size_t i = 0; i < loader->config->count; i++) {
        const struct setting *setting = &loader->config->settings[i];
        if (setting->text != NULL || setting->refused) continue;
        report(loader, loader->path != NULL ? loader->path : "configuration",
               "%s.%s must be given: %s", setting->key->section, setting->key->name,
               setting->key->doc);
    }
}

static enum config_action run_load(struct loader *loader, int argc, char **argv)
{
    const char *overrides[OVERRIDES_MAX];
    size_t override_count = 0;
    for (int i = 1; i < argc;) {
        int taken = take_control_flag(loader, argv + i);
        if (taken == 0 && override_count == OVERRIDES_MAX) {
            report(loader, "flags", "more than %d", OVERRIDES_MAX);
            return CONFIG_EXIT_BAD;
        }
        if (taken == 0) overrides[override_count++] = argv[i];
        i += taken > 0 ? taken : 1;
    }
    load_file(loader);
    load_environment(loader);
    for (size_t i = 0; i < override_count; i++) {
        load_override(loader, overrides[i]);
    }
    require_all(loader);

    if (loader->error_count > 0) return CONFIG_EXIT_BAD;
    if (!loader->check_only) return CONFIG_RUN;
    puts("configuration is valid");
    return CONFIG_EXIT_OK;
}

enum config_action config_load(const struct config_spec *spec, int argc, char **argv,
                               struct config **ret)
{
    if (print_and_exit(spec, argc, argv)) return CONFIG_EXIT_OK;

    struct loader loader = {.spec = spec, .config = open_config(spec)};
    enum config_action action = run_load(&loader, argc, argv);
    if (action == CONFIG_RUN) {
        *ret = loader.config;
    } else {
        config_close(&loader.config);
    }
    return action;
}

static const struct setting *require_setting(const struct config *config, const char *section,
                                             const char *name)
{
    const struct setting *setting = find_setting(config, section, name);
    CHECK(setting != NULL);
    return setting;
}

const char *config_text(const struct config *config, const char *section, const char *name)
{
    const struct setting *setting = require_setting(config, section, name);
    CHECK(setting->key->type == CONFIG_TEXT || setting->key->type == CONFIG_CHOICE);
    return setting->text;
}

uint64_t config_u64(const struct config *config, const char *section, const char *name)
{
    const struct setting *setting = require_setting(config, section, name);
    CHECK(setting->key->type != CONFIG_TEXT && setting->key->type != CONFIG_BOOL);
    return setting->value;
}

bool config_bool(const struct config *config, const char *section, const char *name)
{
    const struct setting *setting = require_setting(config, section, name);
    CHECK(setting->key->type == CONFIG_BOOL);
    return setting->value != 0;
}
