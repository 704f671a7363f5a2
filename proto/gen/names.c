#include "common/base/check.h"
#include "proto/gen/model.h"

#include <ctype.h>
#include <string.h>

// protobuf-c puts an underscore before a capital that follows a small letter or a digit, so a run
// of capitals stays one word: its generated names are matched letter by letter.
char *gen_name_snake(struct arena *arena, const char *camel)
{
    size_t size = strlen(camel);
    char *name = arena_alloc(arena, 2 * size + 1);
    CHECK(name != NULL);
    size_t used = 0;
    bool was_upper = true;
    for (size_t i = 0; i < size; i++) {
        bool is_upper = isupper((unsigned char)camel[i]) != 0;
        if (is_upper && !was_upper) name[used++] = '_';
        name[used++] = (char)tolower((unsigned char)camel[i]);
        was_upper = is_upper;
    }
    return name;
}

char *gen_name_upper(struct arena *arena, const char *text)
{
    char *name = arena_text(arena, text, strlen(text));
    CHECK(name != NULL);
    for (char *c = name; *c != '\0'; c++) {
        *c = (char)toupper((unsigned char)*c);
    }
    return name;
}

char *gen_name_replace(struct arena *arena, const char *text, char from, const char *to)
{
    size_t size = strlen(text), to_size = strlen(to);
    char *name = arena_alloc(arena, size * (to_size + 1) + 1);
    CHECK(name != NULL);
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] != from) {
            name[used++] = text[i];
            continue;
        }
        memcpy(name + used, to, to_size + 1); // The NUL is written over.
        used += to_size;
    }
    return name;
}
