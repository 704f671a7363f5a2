#include "common/base/version.h"

#include "common/base/text.h"

#include <elf.h>
#include <link.h>
#include <pthread.h>
#include <string.h>

enum { BUILD_ID_BYTES_MAX = 32 };

static char build_id[2 * BUILD_ID_BYTES_MAX + 1] = "none";
static pthread_once_t build_id_once = PTHREAD_ONCE_INIT;

const char *florin_version(void)
{
    return FLORIN_VERSION;
}

static size_t padded(size_t size)
{
    return (size + 3) & ~(size_t)3; // Note names and descriptors are padded to words.
}

static bool take_build_id(const char *at, size_t left)
{
    ElfW(Nhdr) note;
    while (left >= sizeof note) {
        memcpy(&note, at, sizeof note);
        size_t name_bytes = padded(note.n_namesz);
        size_t whole_bytes = sizeof note + name_bytes + padded(note.n_descsz);
        if (whole_bytes > left) return false;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof ELF_NOTE_GNU &&
            memcmp(at + sizeof note, ELF_NOTE_GNU, sizeof ELF_NOTE_GNU) == 0 &&
            note.n_descsz <= BUILD_ID_BYTES_MAX) {
            hex_encode((const uint8_t *)at + sizeof note + name_bytes, note.n_descsz, build_id);
            return true;
        }
        at += whole_bytes;
        left -= whole_bytes;
    }
    return false;
}

static int visit_object(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    (void)context;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_NOTE) continue;
        // The loader gives addresses as numbers. NOLINTNEXTLINE(performance-no-int-to-ptr)
        const char *notes = (const char *)(info->dlpi_addr + header->p_vaddr);
        if (take_build_id(notes, header->p_memsz)) {
            break;
        }
    }
    return 1; // The executable comes first, and its libraries do not matter.
}

static void find_build_id(void)
{
    dl_iterate_phdr(visit_object, NULL);
}

const char *florin_build_id(void)
{
    pthread_once(&build_id_once, find_build_id);
    return build_id;
}
