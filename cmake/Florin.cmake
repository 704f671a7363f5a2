# How every target of the project is declared: one function per kind of target.
#
#   florin_module(NAME SOURCES a.c b.c DEPENDS x y [LIBRARIES nng] [PRIVATE_LIBRARIES lmdb])
#   florin_daemon(NAME SOURCES main.c DEPENDS ...)            an executable of the product
#   florin_test(NAME SOURCES a_test.c DEPENDS ... [SUITE unit] [TIMEOUT 60] [ARGS ...])
#   florin_fuzz(NAME SOURCES a_fuzz.c DEPENDS ...)            only in the fuzz preset
#   florin_bench(NAME SOURCES a_bench.c DEPENDS ...)          under tests/bench
#
# A target links what it names and nothing else: a missing DEPENDS is a link error.
include_guard(GLOBAL)
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

option(FLORIN_FUZZ "build the libFuzzer targets (clang)" OFF)
set(FLORIN_SANITIZE "" CACHE STRING "value of -fsanitize=")
set(FLORIN_OPTIMISE "-O2" CACHE STRING "optimisation level")

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_FLAGS_RELWITHDEBINFO "${FLORIN_OPTIMISE} -g")
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

# Flags for every object, generated code included.
add_library(florin_flags INTERFACE)
target_include_directories(florin_flags INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/proto)
target_compile_definitions(florin_flags INTERFACE _GNU_SOURCE)
target_compile_options(florin_flags INTERFACE -fstack-protector-strong -fno-omit-frame-pointer)
target_link_options(florin_flags INTERFACE -Wl,-z,relro,-z,now,--as-needed)
if(NOT FLORIN_SANITIZE AND NOT FLORIN_OPTIMISE STREQUAL "-Og")
    target_compile_definitions(florin_flags INTERFACE _FORTIFY_SOURCE=2)
endif()
if(FLORIN_SANITIZE)
    target_compile_options(florin_flags INTERFACE -fsanitize=${FLORIN_SANITIZE} -fno-sanitize-recover=all)
    target_link_options(florin_flags INTERFACE -fsanitize=${FLORIN_SANITIZE})
endif()
if(FLORIN_FUZZ)
    target_compile_options(florin_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Flags for our own code.
add_library(florin_build INTERFACE)
target_link_libraries(florin_build INTERFACE florin_flags)
target_compile_options(florin_build INTERFACE -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes
    -Wstrict-prototypes -Wundef -Wvla -Wpointer-arith -Wformat=2 -Werror)

function(florin_module name)
    cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS;LIBRARIES;PRIVATE_LIBRARIES" ${ARGN})
    add_library(${name} STATIC ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE florin_build ${arg_PRIVATE_LIBRARIES}
        PUBLIC ${arg_DEPENDS} ${arg_LIBRARIES} Threads::Threads)
endfunction()

function(florin_executable name)
    cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS;LIBRARIES" ${ARGN})
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE florin_build ${arg_DEPENDS} ${arg_LIBRARIES} Threads::Threads)
endfunction()

# What compose/up and the packages need: no test, so no test library either.
add_custom_target(florin_programs)

function(florin_daemon name)
    florin_executable(${name} ${ARGN})
    add_dependencies(florin_programs ${name})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
    install(TARGETS ${name} RUNTIME DESTINATION bin COMPONENT florin)
endfunction()

function(florin_test name)
    cmake_parse_arguments(arg "" "SUITE;TIMEOUT" "SOURCES;DEPENDS;LIBRARIES;ARGS" ${ARGN})
    if(FLORIN_FUZZ)
        return()
    endif()
    if(NOT arg_SUITE)
        set(arg_SUITE unit)
    endif()
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 120)
    endif()
    if(FLORIN_SANITIZE) # Which makes a machine several times slower.
        math(EXPR arg_TIMEOUT "3 * ${arg_TIMEOUT}")
    endif()
    florin_executable(${name} SOURCES ${arg_SOURCES} DEPENDS ${arg_DEPENDS} LIBRARIES cmocka ${arg_LIBRARIES})
    add_test(NAME ${arg_SUITE}/${name} COMMAND ${name} ${arg_ARGS} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(${arg_SUITE}/${name} PROPERTIES LABELS ${arg_SUITE} TIMEOUT ${arg_TIMEOUT}
        COST ${arg_TIMEOUT} # Two at a time: the long ones first, so that none is left alone at the end.
        ENVIRONMENT "FLORIN_SOURCE_DIR=${CMAKE_SOURCE_DIR};FLORIN_BINARY_DIR=${CMAKE_BINARY_DIR}")
endfunction()

function(florin_fuzz name)
    if(NOT FLORIN_FUZZ)
        return()
    endif()
    florin_executable(${name} ${ARGN})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    set_property(GLOBAL APPEND PROPERTY FLORIN_FUZZ_TARGETS ${name})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
endfunction()

function(florin_bench name)
    if(FLORIN_FUZZ)
        return()
    endif()
    florin_executable(${name} ${ARGN})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
endfunction()
