// The file format of LMDB 0.9 (MDB_DATA_VERSION 1) on a 64-bit little-endian machine, read byte by
// byte with every offset checked. It depends on nothing but the bytes, so a damaged file is
// reported and never crashes; it cannot see damage inside a value, which only record decoders can.
//
//     page    pgno(8) pad(2) flags(2) lower(2) upper(2) | node offsets(2 each) ... nodes at the end
//             an overflow page has its page count (4) in place of lower and upper
//     header  page 0 and 1: magic(4) version(4) address(8) mapsize(8) free table(48) main table(48)
//             last page(8) transaction id(8); the higher transaction id counts
//     table   pad(4) flags(2) depth(2) branch pages(8) leaf pages(8) overflow pages(8) rows(8)
//     root(8) node    lo(2) hi(2) flags(2) key size(2) key value; in a branch lo, hi and flags are
//     the child
#include "common/store/internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && sizeof(size_t) == 8, "format above");

enum {
    PAGE_HEADER_BYTES = 16,
    PAGE_BRANCH = 0x01,
    PAGE_LEAF = 0x02,
    PAGE_OVERFLOW = 0x04,
    PAGE_META = 0x08,
    NODE_HEADER_BYTES = 8,
    NODE_BIG = 0x01,
    NODE_TABLE = 0x02,
    TABLE_BYTES = 48,
    HEADER_TABLES = 24, // Where they begin.
    HEADER_LAST_PAGE = HEADER_TABLES + 2 * TABLE_BYTES,
    HEADER_TRANSACTION = HEADER_LAST_PAGE + 8,
    HEADER_BYTES = HEADER_TRANSACTION + 8,
    DEPTH_MAX = 32,
    HEADER_PAGES = 2,
    PAGE_BYTES_MIN = 512,
    PAGE_BYTES_MAX = 32768,
    MESSAGE_BYTES = 200,
};

#define LMDB_MAGIC 0xBEEFC0DEu
#define LMDB_DATA_VERSION 1u
#define PAGE_NONE UINT64_MAX

struct table {
    uint16_t flags, depth;
    uint64_t branch_pages, leaf_pages, overflow_pages, rows, root;
};

struct file {
    const uint8_t *data;
    uint64_t size, page_bytes, page_count; // page_count: what the header says is in use.
    uint64_t transaction;
    struct table free_table, main_table;
    uint8_t *seen; // One bit a page: each belongs to one place.
    bool has_id;
};

enum table_kind { TABLE_FREE, TABLE_MAIN, TABLE_META, TABLE_OTHER };

struct walk {
    struct file *file;
    const struct table *table;
    enum table_kind kind;
    enum verify_depth depth, tables_depth; // Of this tree, and of the tables that its rows are.
    struct table counted;
    struct bytes last_key, low_key; // The row before; what no further key may be below.
};

struct node {
    struct bytes key;
    uint64_t child;      // In a branch.
    uint16_t flags;      // In a leaf.
    uint32_t value_size; // In a leaf.
    const uint8_t *value;
};

static uint16_t get_u16(const uint8_t *from)
{
    uint16_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

static uint32_t get_u32(const uint8_t *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

static uint64_t get_u64(const uint8_t *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

static struct status damaged(const char *what)
{
    return (struct status){STATUS_DATA_LOSS, "STORE_CORRUPT", what};
}

// The message lives until the thread's next one: statuses carry static text.
static struct status damaged_page(uint64_t page, const char *what)
{
    static _Thread_local char message[MESSAGE_BYTES];
    snprintf(message, sizeof message, "page %llu %s", (unsigned long long)page, what);
    return damaged(message);
}

// ---- Pages ---------------------------------------------------------------------------------

static struct status claim_pages(struct file *file, uint64_t page, uint64_t count)
{
    if (page < HEADER_PAGES || page >= file->page_count || count > file->page_count - page) {
        return damaged_page(page, "lies outside the store");
    }
    for (uint64_t i = page; i < page + count; i++) {
        if (file->seen[i / 8] & (1u << (i % 8))) {
            return damaged_page(i, "belongs to two places");
        }
        file->seen[i / 8] |= (uint8_t)(1u << (i % 8));
    }
    return STATUS_SUCCESS;
}

static struct status get_page(struct file *file, uint64_t page, uint64_t count,
                              const uint8_t **ret_data)
{
    RETURN_IF_ERROR(claim_pages(file, page, count));
    if ((page + count) * file->page_bytes > file->size) {
        return damaged_page(page, "lies beyond the end of the file: it was cut");
    }
    const uint8_t *data = file->data + page * file->page_bytes;
    if (get_u64(data) != page) {
        return damaged_page(page, "holds another page's number");
    }
    *ret_data = data;
    return STATUS_SUCCESS;
}

static size_t node_count(const uint8_t *page)
{
    return (size_t)(get_u16(page + 12) - PAGE_HEADER_BYTES) / 2;
}

static struct status check_page_bounds(const struct file *file, const uint8_t *page)
{
    uint16_t lower = get_u16(page + 12), upper = get_u16(page + 14);
    if (lower < PAGE_HEADER_BYTES || lower > upper || upper > file->page_bytes || lower % 2 != 0) {
        return damaged_page(get_u64(page), "has impossible bounds");
    }
    return STATUS_SUCCESS;
}

static struct status get_node(const struct file *file, const uint8_t *page, size_t index,
                              bool is_leaf, struct node *ret)
{
    uint64_t page_number = get_u64(page);
    uint16_t offset = get_u16(page + PAGE_HEADER_BYTES + 2 * index);
    if (offset < get_u16(page + 14) || (uint64_t)offset + NODE_HEADER_BYTES > file->page_bytes) {
        return damaged_page(page_number, "has a row outside it");
    }
    const uint8_t *node = page + offset;
    uint64_t room = file->page_bytes - offset - NODE_HEADER_BYTES;
    uint32_t low = get_u32(node);
    ret->flags = get_u16(node + 4);
    ret->key = bytes_of(node + NODE_HEADER_BYTES, get_u16(node + 6));
    ret->child = is_leaf ? 0 : low | (uint64_t)ret->flags << 32;
    ret->value_size = is_leaf ? low : 0;
    ret->value = ret->key.data + ret->key.size;
    uint64_t value_room = 0; // A long value's place holds its page number.
    if (is_leaf) value_room = ret->flags & NODE_BIG ? sizeof(uint64_t) : ret->value_size;
    if (ret->key.size > STORE_KEY_BYTES_MAX || ret->key.size + value_room > room) {
        return damaged_page(page_number, "has a row that runs beyond it");
    }
    return STATUS_SUCCESS;
}

// ---- Rows ----------------------------------------------------------------------------------

static int compare_keys(const struct walk *walk, struct bytes a, struct bytes b)
{
    CHECK(a.data != NULL && b.data != NULL);
    if (walk->kind == TABLE_FREE) { // Its keys are transaction ids in the machine's byte order.
        uint64_t x = a.size == 8 ? get_u64(a.data) : 0, y = b.size == 8 ? get_u64(b.data) : 0;
        return x < y ? -1 : x > y;
    }
    size_t shared = a.size < b.size ? a.size : b.size;
    int order = memcmp(a.data, b.data, shared);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static struct status check_order(struct walk *walk, struct bytes key, uint64_t page)
{
    if (key.size == 0 || (walk->kind == TABLE_FREE && key.size != 8)) {
        return damaged_page(page, "has a key of an impossible size");
    }
    if (walk->last_key.data != NULL && compare_keys(walk, walk->last_key, key) >= 0) {
        return damaged_page(page, "has keys out of order");
    }
    if (walk->low_key.data != NULL && compare_keys(walk, walk->low_key, key) > 0) {
        return damaged_page(page, "has a key below its branch");
    }
    walk->last_key = key;
    return STATUS_SUCCESS;
}

static struct status get_value(struct walk *walk, struct node *node)
{
    if (!(node->flags & NODE_BIG)) return STATUS_SUCCESS;
    struct file *file = walk->file;
    uint64_t count = (PAGE_HEADER_BYTES + (uint64_t)node->value_size - 1) / file->page_bytes + 1;
    uint64_t page_number = get_u64(node->value);
    const uint8_t *page = NULL;
    RETURN_IF_ERROR(get_page(file, page_number, count, &page));
    if (get_u16(page + 10) != PAGE_OVERFLOW || get_u32(page + 12) != count) {
        return damaged_page(page_number, "is not the long value that a row says");
    }
    walk->counted.overflow_pages += count;
    node->value = page + PAGE_HEADER_BYTES;
    return STATUS_SUCCESS;
}

// A row of the free list: how many pages, then their numbers.
static struct status check_free_row(struct walk *walk, const struct node *node)
{
    uint64_t count = node->value_size >= 8 ? get_u64(node->value) : 0;
    if (node->value_size < 8 || count > node->value_size / 8 - 1) {
        return damaged("a row of the free list is too short");
    }
    for (uint64_t i = 0; i < count; i++) {
        RETURN_IF_ERROR(claim_pages(walk->file, get_u64(node->value + 8 * (i + 1)), 1));
    }
    return STATUS_SUCCESS;
}

static struct table parse_table(const uint8_t *from)
{
    return (struct table){
        .flags = get_u16(from + 4),
        .depth = get_u16(from + 6),
        .branch_pages = get_u64(from + 8),
        .leaf_pages = get_u64(from + 16),
        .overflow_pages = get_u64(from + 24),
        .rows = get_u64(from + 32),
        .root = get_u64(from + 40),
    };
}

static struct status walk_table(struct file *file, const struct table *table, enum table_kind kind,
                                enum verify_depth depth, enum verify_depth tables_depth);

// A row of the main table is another table.
static struct status check_table_row(struct walk *walk, const struct node *node)
{
    if (node->flags != NODE_TABLE || node->value_size != TABLE_BYTES) {
        return damaged("the list of tables holds something else");
    }
    struct table table = parse_table(node->value);
    bool is_meta = bytes_equal(node->key, bytes_of_text(SCHEMA_META_NAME));
    if (is_meta) return walk_table(walk->file, &table, TABLE_META, VERIFY_ALL, VERIFY_ALL);
    return walk_table(walk->file, &table, TABLE_OTHER, walk->tables_depth, walk->tables_depth);
}

static struct status check_row(struct walk *walk, uint64_t page, struct node *node)
{
    RETURN_IF_ERROR(check_order(walk, node->key, page));
    RETURN_IF_ERROR(get_value(walk, node));
    walk->counted.rows++;
    if (walk->kind == TABLE_FREE) return check_free_row(walk, node);
    if (walk->kind == TABLE_MAIN) return check_table_row(walk, node);
    if (node->flags & ~NODE_BIG) {
        return damaged_page(page, "has a row with unknown flags");
    }
    if (walk->kind == TABLE_META && bytes_equal(node->key, bytes_of_text(SCHEMA_ID_KEY))) {
        walk->file->has_id = true;
    }
    return STATUS_SUCCESS;
}

// ---- Trees ---------------------------------------------------------------------------------

static struct status walk_page(struct walk *walk, uint64_t page_number, unsigned level);

static struct status walk_leaf(struct walk *walk, const uint8_t *page)
{
    walk->counted.leaf_pages++;
    for (size_t i = 0; i < node_count(page); i++) {
        struct node node = {0};
        RETURN_IF_ERROR(get_node(walk->file, page, i, true, &node));
        RETURN_IF_ERROR(check_row(walk, get_u64(page), &node));
    }
    return STATUS_SUCCESS;
}

static struct status walk_branch(struct walk *walk, const uint8_t *page, unsigned level)
{
    walk->counted.branch_pages++;
    if (node_count(page) < 2) {
        return damaged_page(get_u64(page), "is a branch with one child");
    }
    for (size_t i = 0; i < node_count(page); i++) {
        struct node node = {0};
        RETURN_IF_ERROR(get_node(walk->file, page, i, false, &node));
        // All keys to the left of a child are below its separator (the first child has none), and
        // none of its own is. Separators only rise, so one low key serves all levels.
        if (i > 0) {
            bool low =
                walk->last_key.data != NULL && compare_keys(walk, walk->last_key, node.key) >= 0;
            if (low) {
                return damaged_page(get_u64(page), "has a key above its branch");
            }
            walk->low_key = node.key;
        }
        RETURN_IF_ERROR(walk_page(walk, node.child, level + 1));
    }
    return STATUS_SUCCESS;
}

static struct status walk_page(struct walk *walk, uint64_t page_number, unsigned level)
{
    const uint8_t *page = NULL;
    RETURN_IF_ERROR(get_page(walk->file, page_number, 1, &page));
    RETURN_IF_ERROR(check_page_bounds(walk->file, page));
    bool is_leaf = level + 1 == walk->table->depth;
    if (get_u16(page + 10) != (is_leaf ? PAGE_LEAF : PAGE_BRANCH)) {
        return damaged_page(page_number, "is of the wrong kind");
    }
    if (walk->depth == VERIFY_ROOTS) return STATUS_SUCCESS;
    return is_leaf ? walk_leaf(walk, page) : walk_branch(walk, page, level);
}

static struct status walk_table(struct file *file, const struct table *table, enum table_kind kind,
                                enum verify_depth depth, enum verify_depth tables_depth)
{
    if (table->root == PAGE_NONE) {
        if (table->rows != 0) return damaged("a table with rows has no root page");
        return STATUS_SUCCESS;
    }
    if (table->depth == 0 || table->depth > DEPTH_MAX) {
        return damaged("a table has an impossible depth");
    }
    struct walk walk = {
        .file = file, .table = table, .kind = kind, .depth = depth, .tables_depth = tables_depth};
    RETURN_IF_ERROR(walk_page(&walk, table->root, 0));
    if (depth == VERIFY_ROOTS) return STATUS_SUCCESS;
    const struct table *counted = &walk.counted;
    if (counted->rows != table->rows || counted->branch_pages != table->branch_pages ||
        counted->leaf_pages != table->leaf_pages ||
        counted->overflow_pages != table->overflow_pages) {
        return damaged("a table does not have the rows or pages that it says it has");
    }
    return STATUS_SUCCESS;
}

// ---- The file ------------------------------------------------------------------------------

static struct status parse_header(struct file *file, uint64_t offset)
{
    if (file->size < offset + PAGE_HEADER_BYTES + HEADER_BYTES) {
        return damaged("the file is too short for a header page");
    }
    const uint8_t *page = file->data + offset, *header = page + PAGE_HEADER_BYTES;
    if (get_u16(page + 10) != PAGE_META || get_u32(header) != LMDB_MAGIC) {
        return damaged("a header page is damaged");
    }
    if (get_u32(header + 4) != LMDB_DATA_VERSION) {
        return REFUSE(FAILED_PRECONDITION, STORE_FORMAT_UNKNOWN,
                      "another version of the engine made the store");
    }
    uint64_t transaction = get_u64(header + HEADER_TRANSACTION);
    uint32_t page_bytes = get_u32(header + HEADER_TABLES); // Kept in the free table's first field.
    if (page_bytes < PAGE_BYTES_MIN || page_bytes > PAGE_BYTES_MAX ||
        (page_bytes & (page_bytes - 1)) != 0) {
        return damaged("a header page has no page size");
    }
    if (offset != 0 && page_bytes != file->page_bytes) {
        return damaged("the two header pages disagree about the page size");
    }
    file->page_bytes = page_bytes;
    if (offset != 0 && transaction <= file->transaction) return STATUS_SUCCESS;
    file->transaction = transaction;
    file->free_table = parse_table(header + HEADER_TABLES);
    file->main_table = parse_table(header + HEADER_TABLES + TABLE_BYTES);
    file->page_count = get_u64(header + HEADER_LAST_PAGE) + 1;
    return STATUS_SUCCESS;
}

static struct status walk_file(struct file *file, enum verify_depth depth)
{
    RETURN_IF_ERROR(parse_header(file, 0));
    CHECK(file->page_bytes >= PAGE_BYTES_MIN);
    RETURN_IF_ERROR(parse_header(file, file->page_bytes));
    // The last pages may be unwritten when they were taken and freed in one transaction, but no
    // more than one transaction can hold in memory.
    uint64_t file_pages = file->size / file->page_bytes, unwritten_max = UINT64_C(1) << 17;
    if (file->page_count < HEADER_PAGES || file->page_count > file_pages + unwritten_max) {
        return damaged("the file is much shorter than its header says: it was cut");
    }
    file->seen = calloc(1, file->page_count / 8 + 1);
    CHECK(file->seen != NULL);
    RETURN_IF_ERROR(walk_table(file, &file->free_table, TABLE_FREE, depth, depth));
    RETURN_IF_ERROR(walk_table(file, &file->main_table, TABLE_MAIN, VERIFY_ALL, depth));
    bool is_new = file->main_table.root == PAGE_NONE; // Opened once, and killed before its commit.
    if (!file->has_id && !(is_new && depth == VERIFY_ROOTS)) {
        return damaged("the file has no store id: it is not a store of ours");
    }
    return STATUS_SUCCESS;
}

static struct status map_file(int fd, struct file *ret)
{
    struct stat info;
    if (fstat(fd, &info) != 0) return engine_status(errno);
    if (info.st_size == 0) return damaged("the file is empty");
    ret->size = (uint64_t)info.st_size;
    void *data = mmap(NULL, ret->size, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED) return engine_status(errno);
    ret->data = data;
    return STATUS_SUCCESS;
}

struct status verify_file(int directory_fd, const char *name, enum verify_depth depth)
{
    int fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return engine_status(errno);
    struct file file = {0};
    struct status status = map_file(fd, &file);
    if (status_ok(status)) {
        CHECK(file.data != NULL);
        status = walk_file(&file, depth);
        munmap((void *)file.data, file.size);
    }
    free(file.seen);
    close(fd);
    return status;
}

// A store that was cut to its first header page has commits in it, by the transaction id.
bool verify_is_unborn(int directory_fd, const char *name)
{
    int fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    struct file file = {0};
    bool is_unborn = false;
    if (status_ok(map_file(fd, &file))) {
        is_unborn = status_ok(parse_header(&file, 0)) && file.transaction == 0 &&
                    file.main_table.root == PAGE_NONE && file.size < HEADER_PAGES * file.page_bytes;
        munmap((void *)file.data, file.size);
    }
    close(fd);
    return is_unborn;
}

struct status store_verify(const char *directory)
{
    int fd;
    RETURN_IF_ERROR(engine_lock_directory(directory, &fd));
    struct status status = verify_file(fd, STORE_DATA_FILE, VERIFY_ALL);
    close(fd);
    return status;
}
