# The rules of the house that a program can check. Reads C sources and headers; prints one line a
# finding, "path:line: rule: what"; exits 1 when there is one.

function report(rule, what) {
    printf "%s:%d: %s: %s\n", FILENAME, FNR, rule, what
    found = 1
}

# Which module a path belongs to: "common/rpc", "services/ledger", "gateway/http", "tests", …
function module_of(path,    part) {
    split(path, part, "/")
    if (part[1] == "common" || part[1] == "services") return part[1] "/" part[2]
    if (part[1] == "gateway" && part[2] == "http") return "gateway/http"
    return part[1]
}

function allows(rule, path) { return path ~ rule }

BEGIN {
    # A header that hides a library: who may include it.
    owner["<lmdb.h>"] = "^common/store/"
    owner["<nng/"] = "^(common/(rpc|event)/|tests/)"
    owner["<curl/"] = "^(common/outbound/|tests/)"
    owner["<event2/"] = "^(gateway/http/|tests/)"
    owner["<libxml/"] = "^(services/ledger/camt053\\.c$|tests/)"
    owner[".pb-c.h"] = "^(services/[a-z]+/(rpc|convert)[a-z_]*\\.[ch]|services/ctl/|common/(rpc|event|daemon)/|proto/|gateway/|tests/)"
    # Arrows point down only: what each module may include of the others.
    below["common/base"] = "^common/base/"
    below["common/crypto"] = "^common/(base|crypto)/"
    below["common/store"] = "^common/(base|store)/"
    below["common/rpc"] = "^(common/(base|crypto|store|rpc)/|florin/|google/)"
    below["common/outbound"] = "^common/(base|outbound)/"
    below["common/json"] = "^common/(base|rpc|json)/"
    below["common/event"] = "^(common/(base|crypto|store|rpc|event)/|florin/)"
    below["common/daemon"] = "^(common/|florin/)"
    below["gateway/http"] = "^(common/base/|gateway/http/)"
    # Inside a service: main > rpc > service > {core, store > record}.
    inner["core"] = "core|record|[a-z]+_rules"
    banned["strcpy"] = banned["strcat"] = banned["sprintf"] = banned["vsprintf"] = 1
    banned["atoi"] = banned["atol"] = banned["atof"] = banned["gets"] = banned["strtok"] = 1
    banned["assert"] = 1
}

FNR == 1 {
    module = module_of(FILENAME)
    is_core = FILENAME ~ /^services\/[a-z]+\/core\.c$/
    function_start = in_table = 0
    if (FILENAME ~ /\.h$/ && FILENAME !~ /^tests\// && $0 !~ /^\/\/\/ @file /)
        report("header-block", "a header opens with /// @file and its contract")
}

# Columns are characters: the continuation bytes of UTF-8 do not count. Tables of tests between
# "clang-format off" and "on" may be wider, so that a row stays a row.
/clang-format off/ { in_table = 1 }
/clang-format on/ { in_table = 0 }
{
    columns_max = (in_table && FILENAME ~ /^tests\//) ? 140 : 100
    characters = $0
    gsub(/[\200-\277]/, "", characters)
    if (length(characters) > columns_max)
        report("line-length", length(characters) " columns, " columns_max " at most")
}
/[ \t]+$/ { report("white-space", "trailing white space") }
FNR == 801 { report("file-length", "over 800 lines") }

/^#[ \t]*include/ {
    name = $2
    for (needle in owner)
        if (index(name, needle) && !allows(owner[needle], FILENAME))
            report("include", name " may not be included here")
    bare = name
    gsub(/["<>]/, "", bare)
    if (name ~ /^"/) {
        if (module in below && bare !~ below[module] && FILENAME !~ /_fuzz\.c$/) report("arrow", module " may not include " bare)
        if (module ~ /^services\// && bare ~ /^services\// && index(bare, module "/") != 1)
            report("arrow", "services never include each other: " bare)
        # The witness serves HTTP by itself, on a machine without a gateway: the engine, nothing else.
        if (module ~ /^services\// && bare ~ /^gateway\// &&
            !(module == "services/witness" && bare ~ /^gateway\/http\//))
            report("arrow", "services stand below the gateway")
        # Patterns of event types are pure, too.
        if (is_core && bare ~ /^common\/(store|rpc|event|daemon)\// && bare != "common/event/types.h")
            report("arrow", "core.c is pure: " bare)
        if (FILENAME ~ /^services\/[a-z]+\/record\.[ch]$/ && bare ~ /^common\/(store|rpc|event|daemon)\//)
            report("arrow", "record is pure: " bare)
        if (FILENAME ~ /^services\/[a-z]+\/store\.c$/ && bare ~ /\/(rpc|service|convert)\.h$/)
            report("arrow", "store stands below: " bare)
        if (bare !~ /\//) report("include", "includes are rooted: " bare)
    }
}

{
    code = $0
    sub(/\/\/.*/, "", code)
    gsub(/"([^"\\]|\\.)*"/, "\"\"", code)
    rest = code
    while (match(rest, /[A-Za-z_][A-Za-z0-9_]*[ ]?\(/)) {
        called = substr(rest, RSTART, RLENGTH - 1)
        sub(/ $/, "", called)
        if (called in banned) report("banned", called "()")
        if (is_core && called ~ /^(malloc|calloc|realloc|free|clock_[a-z_]+|LOG_[A-Z]+|log_[a-z]+|time)$/)
            report("core", called "() in core.c")
        rest = substr(rest, RSTART + RLENGTH)
    }
}

/(^|[^A-Za-z])(TODO|FIXME|XXX|HACK)([^A-Za-z]|$)/ && !/issue [0-9]+/ { report("todo", "unfinished work without an issue") }

# Functions: a line that is "{" alone opens one, "}" alone closes it (the formatter sees to that).
/^\{$/ { function_start = FNR }
/^\}$/ {
    if (function_start && FNR - function_start - 1 > 70)
        report("function-length", (FNR - function_start - 1) " lines, 70 at most")
    function_start = 0
}

END { exit found }
